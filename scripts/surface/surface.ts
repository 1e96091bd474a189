/**
 * Docker's endpoints and commands held against our tables: what works, what is refused by name, and with which part of dhow the
 * rest comes. The page docs/reference/compatibility.md is made of it; tests hold it to what the programs do.
 */
import { routes } from "../../src/api/routes.ts";
import { unbuiltRoutes } from "../../src/api/unbuilt.ts";
import { unbuiltBuildFlags } from "../../src/cli/commands/compose/build.ts";
import { composeFlags } from "../../src/cli/compose/globals.ts";
import { globalFlags } from "../../src/cli/globals.ts";
import { type Entry, entries } from "../../src/cli/tree.ts";
import { unbuiltCommand } from "../../src/cli/unbuilt.ts";
import { daemonFlags } from "../../src/daemon/config-flags.ts";
import { inertFlags, refusedFlags } from "../../src/daemon/config-flags-other.ts";
import type { Flags } from "../../src/lib/flags.ts";
import { dockerCommands } from "./commands.ts";
import { dockerEndpoints } from "./endpoints.ts";

/** `later` is refused by name today, and the note says with which part it comes. */
export type Status = "works" | "refused" | "later";

export interface Row {
  readonly name: string;
  readonly status: Status;
  readonly note: string;
}

export interface CommandRow extends Row {
  readonly flags: string;
}

/** Routes that are in our table and have nothing behind them yet, or never will. */
export const refusedEndpoints: Readonly<Record<string, Omit<Row, "name">>> = {
  "GET /containers/{id}/attach/ws": { status: "refused", note: "attaching over a WebSocket; `attach` works" },
  "GET /debug/vars": { status: "refused", note: "`page not found`: variables of dockerd's own process" },
  "GET /debug/pprof/{name}": { status: "refused", note: "`page not found`: profiles of dockerd's own process" },
};

/** By the beginning of a path or of a command. */
const parts: readonly (readonly [pattern: RegExp, note: string])[] = [
  [
    /^buildx (create|dial-stdio|history|rm|stop|use)\b/,
    "there is one builder, the engine's own, and it keeps no history",
  ],
  [/^\/(swarm|nodes|services|tasks|secrets|configs)\b/, "the swarm's part; until then as dockerd outside a swarm"],
  [/^(swarm|node|service|stack|secret|config|deploy)\b|^volume update$/, "the swarm's part"],
  [/^\/plugins\b|^plugin\b/, "the plugins' part"],
  [/^trust\b/, "the registry's part"],
  [/^compose (alpha generate|bridge)\b/, "Compose's part"],
];

const partOf = (name: string): string | undefined => parts.find(([pattern]) => pattern.test(name))?.[1];

const experimental = "checkpoints, which dockerd has in experimental mode only";

/** A route's method and path with its parameters unnamed, so that two spellings of one route are the same. */
export const routeKey = (method: string, path: string): string => `${method} ${path.replace(/\{[^}]*\}/g, "{}")}`;

const built = new Set(Object.values(routes).map(({ method, path }) => routeKey(method, path)));
const unbuilt = new Map(unbuiltRoutes.map((route) => [routeKey(route.method, route.path), route]));

/** Routes of ours that Docker does not have. */
export const ownRoutes: readonly string[] = [
  "POST /dhow/v1/gc",
  "POST /dhow/v1/check",
  "GET /dhow/v1/images/layers",
  "GET /dhow/v1/images/{name}/files",
  "POST /dhow/v1/images/lacks",
  "POST /dhow/v1/images/save",
  "POST /dhow/v1/stop",
  "POST /containers/{id}/exec/run",
  "POST /dhow/v1/volumes/{name}/rename",
  "POST /dhow/v1/volumes/{name}/clone",
  "GET /dhow/v1/volumes/{name}/export",
  "POST /dhow/v1/volumes/{name}/import",
];

/** Commands of ours that Docker does not have, and those that it has without documenting them. */
export const ownCommands: readonly string[] = [
  "__complete",
  "completion",
  "compose viz",
  "image bootstrap",
  "image diff",
  "image explore",
  "image layers",
  "image send",
  "image tree",
  "network diagram",
  "system check",
  "system gc",
  "volume clone",
  "volume export",
  "volume import",
  "volume rename",
  "volume snapshot",
];

/** One row for each endpoint of Docker's. Throws on one that is in neither of our tables. */
export function endpointRows(): Row[] {
  return dockerEndpoints.map((name) => {
    const [method = "", path = ""] = name.split(" ");
    const key = routeKey(method, path);
    const refused = refusedEndpoints[name];
    if (refused) return { name, ...refused };
    if (built.has(key)) return { name, status: "works", note: "" };
    const route = unbuilt.get(key);
    if (!route) throw new Error(`${name}: neither a route nor refused by name`);
    if (route.kind === "answer") return { name, status: "works", note: `answers \`${route.message}\`` };
    if (path.includes("/checkpoints")) return { name, status: "refused", note: experimental };
    return { name, status: "later", note: known(name, partOf(path)) };
  });
}

function known(name: string, part: string | undefined): string {
  if (part === undefined) throw new Error(`${name}: refused, and no part of dhow is known to bring it`);
  return part;
}

/** Flags that parse and are refused when used; `args` is a command line on which the client says so. */
export const refusedCommandFlags: readonly {
  readonly command: string;
  readonly flag: string;
  readonly note: string;
  readonly args: readonly string[];
  readonly says: string;
}[] = [
  ...["run", "create"].map((command) => ({
    command,
    flag: "use-api-socket",
    note: "not there yet",
    args: [command, "--use-api-socket", "busybox"],
    says: "--use-api-socket is not supported yet",
  })),
  ...unbuiltBuildFlags.map((flag) => ({
    command: "compose build",
    flag,
    note: "not there yet",
    args: ["compose", "build", `--${flag}`],
    says: `--${flag} is not supported by this builder yet`,
  })),
  ...["run", "create", "pull", "push"].map((command) => ({
    command,
    flag: "disable-content-trust",
    note: "`=false`: signatures are not checked yet",
    args: [command, "--disable-content-trust=false", "busybox"],
    says: "content trust is not supported yet: --disable-content-trust=false",
  })),
];

/** One row for each command of Docker's with its flags. Throws on a command or flag that is in none of our tables. */
export async function commandRows(): Promise<CommandRow[]> {
  const rows: CommandRow[] = [];
  for (const { names, flags } of dockerCommands) {
    const [name = ""] = names;
    const table = await flagsOf(name);
    const spelled = (says: (flag: string) => string): string =>
      flags.map((flag) => `${flag.short ? `\`-${flag.short}\` ` : ""}\`--${flag.name}\`${says(flag.name)}`).join(", ");
    if (table === null) {
      if (unbuiltCommand(name.split(" ")) === null) throw new Error(`${name}: neither a command nor refused by name`);
      const isCheckpoint = name.startsWith("checkpoint");
      const note = isCheckpoint ? experimental : known(name, partOf(name));
      rows.push({ name, status: isCheckpoint ? "refused" : "later", note, flags: spelled(() => "") });
      continue;
    }
    const lacking = flags.find((flag) => !Object.hasOwn(table, flag.name));
    if (lacking) throw new Error(`${name}: has no --${lacking.name}`);
    const status = partOf(name) ? "later" : "works";
    rows.push({ name, status, note: partOf(name) ?? also(names), flags: spelled((flag) => remark(name, flag)) });
  }
  return rows;
}

function also(names: readonly string[]): string {
  const others = names.slice(1).map((name) => `\`${name}\``);
  return others.length > 0 ? `also ${others.join(", ")}` : "";
}

/** What is to be said of a flag; nothing when it works. */
function remark(command: string, flag: string): string {
  if (command === "dockerd") {
    if (Object.hasOwn(refusedFlags, flag)) return " (refused)";
    return Object.hasOwn(inertFlags, flag) ? " (changes nothing)" : "";
  }
  const refused = refusedCommandFlags.find((each) => each.command === command && each.flag === flag);
  return refused ? ` (refused: ${refused.note})` : "";
}

/** Our flags of a command of Docker's; null when it is not there. */
export async function flagsOf(name: string): Promise<Flags | null> {
  if (name === "docker") return globalFlags;
  if (name === "dockerd") return daemonFlags;
  if (name === "compose") return composeFlags;
  const entry = entryOf(name);
  return entry ? (await entry.load()).command.flags : null;
}

export const entryOf = (name: string): Entry | undefined => entries.find(({ paths }) => paths.includes(name));
