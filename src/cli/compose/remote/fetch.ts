/** Brings Compose files of other machines here. */
import { type FetchRemote, remoteKind } from "../../../compose/loader/remote.ts";
import { messageOf } from "../../../lib/errors.ts";
import { parseBool } from "../../../lib/flags-numbers.ts";
import type { Cli } from "../../cli.ts";
import { ExitError } from "../../command.ts";

/** Each kind may be switched off, by the variable that Docker's Compose reads. */
const switches = {
  oci: ["COMPOSE_EXPERIMENTAL_OCI_REMOTE", "OCI"],
  git: ["COMPOSE_EXPERIMENTAL_GIT_REMOTE", "git"],
} as const;

/** `insecure` lists registries that may be without TLS, or have an unknown certificate; those of this machine always may. */
export function remoteFetcher(cli: Cli, insecure: readonly string[]): FetchRemote {
  return async (resource) => {
    const kind = remoteKind(resource) ?? "git";
    const [variable, shown] = switches[kind];
    if (!isOn(variable)) throw new ExitError(1, `${shown} remote resource is disabled by ${JSON.stringify(variable)}`);
    if (kind === "oci") return (await import("./oci-files.ts")).fetchOciFiles(cli, resource, insecure);
    return (await import("./git-files.ts")).fetchGitFiles(resource);
  };
}

function isOn(variable: string): boolean {
  const value = process.env[variable] ?? "";
  if (value === "") return true;
  try {
    return parseBool(value);
  } catch (error) {
    throw new ExitError(1, `${variable} environment variable expects boolean value: ${messageOf(error)}`);
  }
}
