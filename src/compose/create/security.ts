/** `security_opt` as the daemon wants it: a seccomp profile is a file here, sent as its text. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { HostConfig } from "../../api/host-config.ts";
import { messageOf } from "../../lib/errors.ts";

export function securityOptions(options: readonly string[], directory: string): Partial<HostConfig> {
  if (options.length === 0) return {};
  const unconfined = options.includes("systempaths=unconfined") || options.includes("systempaths:unconfined");
  const sent = options
    .filter((option) => !option.startsWith("systempaths"))
    .map((option) => sentOption(option, directory));
  return {
    ...(sent.length > 0 && { SecurityOpt: sent }),
    ...(unconfined && { MaskedPaths: [], ReadonlyPaths: [] }),
  };
}

function sentOption(option: string, directory: string): string {
  const profile = /^seccomp[=:](.+)$/.exec(option)?.[1];
  if (profile === undefined || profile === "unconfined" || profile === "builtin") return option;
  try {
    return `seccomp=${JSON.stringify(JSON.parse(readFileSync(resolve(directory, profile), "utf8")))}`;
  } catch (error) {
    throw new Error(`opening seccomp profile (${profile}) failed: ${messageOf(error)}`);
  }
}
