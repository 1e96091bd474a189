/**
 * Which programs can start containers here: found by path, asked for their version, and tried with a real start, because
 * a runtime that is installed may still refuse this host's cgroups.
 */
import { accessSync, constants, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import { compareVersions } from "../lib/version-order.ts";
import { systemWords } from "../linux/strerror.ts";
import { mountMissingControllers } from "./cgroup-v1.ts";
import { tryStart } from "./runtime-probe.ts";

export interface OciRuntime {
  /** What `--runtime` calls it. */
  readonly name: string;
  readonly path: string;
  /** How it is spoken to; a program that says it is neither is treated as runc, the reference. */
  readonly kind: "crun" | "runc";
  /** As the program says, such as `1.8.1`; empty when it says nothing. */
  readonly version: string;
  /** State directory (`--root`). */
  readonly root: string;
  /** Why a start failed here; null when one succeeded. */
  readonly failure: string | null;
  /** Known defects of this version, for `info`. */
  readonly warnings: readonly string[];
}

export interface RuntimeOptions {
  readonly execRoot: string;
  /** Runtimes of the configuration, name -> path. */
  readonly configured: Readonly<Record<string, string>>;
  /** Name to use when a container names none. */
  readonly preferred: string | undefined;
  readonly log: (message: string) => void;
}

interface Floor {
  readonly version: string;
  /** A later branch that was mended by a version of its own. */
  readonly later?: { readonly from: string; readonly version: string };
  readonly defects: string;
}

/**
 * Versions from which a defect is mended upstream, by runtime. Distributions mend older versions too, so that an older
 * number is a warning and never a refusal.
 */
const floors: Readonly<Record<string, readonly Floor[]>> = {
  runc: [
    { version: "1.1.12", defects: "CVE-2024-21626 (a leaked descriptor as working directory)" },
    { version: "1.1.14", defects: "CVE-2024-45310 (directories made on the host through a swapped link)" },
    {
      version: "1.3.6",
      later: { from: "1.4", version: "1.4.3" },
      defects: "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881, CVE-2026-41579 (mounts redirected to /proc)",
    },
  ],
  crun: [
    { version: "1.20", defects: "CVE-2025-24965 (krun writes outside the root)" },
    { version: "1.29.2", defects: "CVE-2026-88264, CVE-2026-88265 (links in the image's /dev)" },
  ],
};

/** The runtimes of this host. */
export class OciRuntimes {
  #runtimes: ReadonlyMap<string, OciRuntime>;
  #defaultName: string;

  private constructor(runtimes: ReadonlyMap<string, OciRuntime>, defaultName: string) {
    this.#runtimes = runtimes;
    this.#defaultName = defaultName;
  }

  /** Name used for containers that name none. */
  get defaultName(): string {
    return this.#defaultName;
  }

  /** Takes over what a later discovery found, for all who hold this object. */
  become(other: OciRuntimes): void {
    this.#runtimes = other.#runtimes;
    this.#defaultName = other.#defaultName;
  }

  /**
   * Finds and tries crun, runc and the configured ones. On cgroup v1 crun refuses a host where some controller is free for
   * v2; such controllers are then mounted as v1, as Debian's cgroupfs-mount does, and it is tried again. The outcome
   * is kept in the exec root until a binary, the boot or the cgroup mounts change.
   */
  static async discover(options: RuntimeOptions): Promise<OciRuntimes> {
    const wanted = new Map<string, string>(Object.entries(options.configured));
    for (const name of ["crun", "runc"]) {
      const path = wanted.has(name) ? undefined : findProgram(name);
      if (path) wanted.set(name, path);
    }
    const found = new Map<string, OciRuntime>();
    for (const [name, path] of wanted) found.set(name, await examine(name, path, options));
    return new OciRuntimes(found, chooseDefault(found, options));
  }

  list(): OciRuntime[] {
    return [...this.#runtimes.values()];
  }

  /** The runtime that `name` (the default when empty) means; `invalidArgument` in Docker's words when there is none. */
  get(name: string | null | undefined): OciRuntime {
    const wanted = name || this.defaultName;
    const runtime = this.#runtimes.get(wanted);
    if (!runtime) throw invalidArgument(`unknown or invalid runtime name: ${wanted}`);
    return runtime;
  }

  /** Known defects of all runtimes, for `info`. */
  warnings(): string[] {
    return this.list().flatMap((runtime) => runtime.warnings);
  }
}

function chooseDefault(found: ReadonlyMap<string, OciRuntime>, options: RuntimeOptions): string {
  if (options.preferred !== undefined) {
    if (!found.has(options.preferred)) {
      throw invalidArgument(`specified default runtime '${options.preferred}' does not exist`);
    }
    return options.preferred;
  }
  const works = ["crun", "runc"].find((name) => found.get(name)?.failure === null);
  if (works) return works;
  options.log("no OCI runtime starts a container here: install crun or runc, or name one by --add-runtime");
  return found.keys().next().value ?? "crun";
}

export function findProgram(name: string, path: string = process.env.PATH ?? ""): string | undefined {
  for (const dir of [...path.split(delimiter), "/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]) {
    const candidate = join(dir, name);
    try {
      accessSync(candidate, constants.X_OK);
      if (dir.startsWith("/")) return candidate;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

async function examine(name: string, path: string, options: RuntimeOptions): Promise<OciRuntime> {
  const asked = askVersion(path);
  const root = join(options.execRoot, `runtime-${name.replace(/[^A-Za-z0-9._-]/g, "_")}`);
  if ("failure" in asked) {
    // One that is not there yet, or not any more, keeps nobody from the others.
    const { failure } = asked;
    options.log(`runtime ${name} cannot be executed: ${failure}`);
    const warnings = [`WARNING: runtime ${name} cannot be executed: ${failure}`];
    return { name, path, kind: "runc", version: "", root, failure, warnings };
  }
  const { kind, version } = asked;
  const warnings = versionWarnings(name, kind, version);
  const identity = probeIdentity(path);
  const kept = readKept(options.execRoot, name);
  if (kept?.identity === identity) return { name, path, kind, version, root, failure: kept.failure, warnings };
  let failure = await tryStart(path, options.execRoot);
  if (failure !== null && process.getuid?.() === 0) {
    const mounted = mountMissingControllers();
    if (mounted.length > 0) {
      options.log(`${name} refused this host (${failure}): mounted the cgroup v1 controllers ${mounted.join(" ")}`);
      failure = await tryStart(path, options.execRoot);
    }
  }
  if (failure !== null) options.log(`${name} does not start a container here: ${failure}`);
  keep(options.execRoot, name, { identity: probeIdentity(path), failure });
  return { name, path, kind, version, root, failure, warnings };
}

function askVersion(path: string): { kind: "crun" | "runc"; version: string } | { failure: string } {
  let child: Bun.SyncSubprocess<"pipe", "pipe">;
  try {
    child = Bun.spawnSync([path, "--version"], { env: {}, stdin: "ignore", timeout: 5000 });
  } catch (error) {
    return { failure: `exec ${path}: ${systemWords(error)}` };
  }
  const match = /^(\S+) version (\S+)/.exec(child.stdout.toString());
  return { kind: match?.[1] === "crun" ? "crun" : "runc", version: match?.[2] ?? "" };
}

export function versionWarnings(name: string, kind: string, version: string): string[] {
  if (version === "") return [`WARNING: runtime ${name} does not tell its version`];
  return (floors[kind] ?? [])
    .map(({ version: first, later, defects }) => {
      const floor = later && compareVersions(version, later.from) >= 0 ? later.version : first;
      return { floor, defects };
    })
    .filter(({ floor }) => compareVersions(version, floor) < 0)
    .map(
      ({ floor, defects }) =>
        `WARNING: ${name} ${version} is older than ${floor}, which mends ${defects}; your distribution may have mended it`,
    );
}

/** Changes whenever an earlier outcome may no longer hold. */
function probeIdentity(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const cgroups = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(" cgroup"))
    .join("\n");
  return Bun.hash(`${path} ${stat?.mtimeMs} ${stat?.size} ${stat?.ino} ${boot} ${cgroups}`).toString(16);
}

interface Kept {
  readonly identity: string;
  readonly failure: string | null;
}

const keptPath = (execRoot: string, name: string): string =>
  join(execRoot, `runtime-${name.replace(/[^A-Za-z0-9._-]/g, "_")}.probe`);

function readKept(execRoot: string, name: string): Kept | null {
  try {
    return JSON.parse(readFileSync(keptPath(execRoot, name), "utf8")) as Kept;
  } catch {
    return null;
  }
}

function keep(execRoot: string, name: string, outcome: Kept): void {
  mkdirSync(execRoot, { recursive: true, mode: 0o700 });
  writeFileSync(keptPath(execRoot, name), JSON.stringify(outcome), { mode: 0o600 });
}
