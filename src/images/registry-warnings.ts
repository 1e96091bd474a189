/** What registries warn of, among the progress of a pull or push, and in the daemon's log. */
import type { ProgressSink } from "../api/images.ts";
import type { RegistryOptions } from "../registry/transport.ts";
import type { WarningSink } from "../registry/warnings.ts";

const start = "WARNING: registry ";

/** Tells of a warning by a line of its own. */
export function warningTeller(
  { domain, mirror }: Pick<RegistryOptions, "domain" | "mirror">,
  tell: ProgressSink,
  log: ((message: string) => void) | undefined,
): WarningSink {
  const who = mirror === undefined ? domain : new URL(mirror).host;
  return (text) => {
    log?.(`registry ${who} warns: ${text}`);
    tell({ status: `${start}${who}: ${text}` });
  };
}

/** Lets each warning through once: the pulls of all tags have one user. */
export function warningsOnce(progress: ProgressSink): ProgressSink {
  const told = new Set<string>();
  return (message) => {
    const { status = "" } = message;
    if (message.id === undefined && status.startsWith(start)) {
      if (told.has(status)) return;
      told.add(status);
    }
    progress(message);
  };
}
