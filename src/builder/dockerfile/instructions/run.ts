import { invalidArgument } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import type { Heredoc } from "../syntax/heredoc.ts";
import type { Statement } from "../syntax/statement.ts";
import { type CommandLine, commandLineOf } from "./command-line.ts";
import { type Device, readDevice } from "./device.ts";
import { readFlags } from "./flags.ts";
import { readMountSource } from "./mount.ts";

const networks = ["default", "none", "host"] as const;
export type RunNetwork = (typeof networks)[number];
const securities = ["sandbox", "insecure"] as const;
export type RunSecurity = (typeof securities)[number];

/** `RUN [flags] command`. */
export interface Run {
  readonly kind: "run";
  readonly statement: Statement;
  readonly command: CommandLine;
  readonly heredocs: readonly Heredoc[];
  /** As they are written: their values may hold variables. */
  readonly mounts: readonly string[];
  /** Where each mount comes from, "" for the build's context or nothing. */
  readonly mountSources: readonly string[];
  readonly network: RunNetwork;
  readonly security: RunSecurity;
  readonly devices: readonly Device[];
}

export function readRun(statement: Statement): Run {
  const flags = readFlags(statement, { mount: "texts", network: "text", security: "text", device: "texts" });
  const network = networks.find((each) => each === (flags.network ?? "default"));
  const security = securities.find((each) => each === (flags.security ?? "sandbox"));
  const devices = flags.device.map(readDevice);
  const mountSources = flags.mount.map((text) => readMountSource(text).from);
  if (network === undefined) throw invalidArgument(`invalid network mode ${printf("%q", [flags.network])}`);
  if (security === undefined) throw invalidArgument(`security ${printf("%q", [flags.security])} is not valid`);
  return {
    kind: "run",
    statement,
    command: commandLineOf(statement),
    heredocs: statement.heredocs,
    mounts: flags.mount,
    mountSources,
    network,
    security,
    devices,
  };
}
