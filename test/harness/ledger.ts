/**
 * The leak ledger: what one engine holds of the kernel and the disk, to be compared before and after a case. A
 * difference is a leak. Only what bears this engine's names counts: others may run beside it. Ready namespaces in the pool have random names, so that they are counted and not named.
 */
import { type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { instanceName } from "../../src/daemon/config.ts";
import { run, until } from "./command.ts";
import type { TestDaemon } from "./daemon.ts";

export interface Ledger {
  readonly mounts: string[];
  readonly links: string[];
  readonly netns: string[];
  readonly cgroups: string[];
  readonly rules: string[];
  readonly bundles: string[];
  readonly containers: string[];
  readonly trash: string[];
  readonly temporaries: string[];
  readonly processes: string[];
  readonly daemonFds: number;
}

/** Entries of a directory; none when it is not there, or goes while it is read. */
function entries(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    if (["ENOENT", "ENODEV"].includes((error as { code?: string }).code ?? "")) return [];
    throw error;
  }
}

function list(dir: string): string[] {
  return entries(dir)
    .map((entry) => entry.name)
    .sort();
}

function tree(dir: string, depth: number): string[] {
  if (depth === 0) return [];
  return entries(dir).flatMap((entry) =>
    entry.isDirectory() ? [join(dir, entry.name), ...tree(join(dir, entry.name), depth - 1)] : [],
  );
}

/** Descendants and adopted processes of the engine: every process whose command line or environment names its roots. */
function processes(daemon: TestDaemon): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return isOf(daemon, command) ? [command] : [];
      } catch {
        return [];
      }
    })
    .sort();
}

/** Takes the ledger once it stands still for half a second: teardown and the pool's refill happen off the path. */
export async function settledLedger(daemon: TestDaemon): Promise<Ledger> {
  let last = await takeLedger(daemon);
  for (let calm = 0; calm < 5; ) {
    await Bun.sleep(100);
    const next = await takeLedger(daemon);
    calm = compare(last, next, false) === "" ? calm + 1 : 0;
    last = next;
  }
  return last;
}

/** True for text that names a place of the daemon's. */
const isOf = ({ root, execRoot }: TestDaemon, text: string): boolean => text.includes(root) || text.includes(execRoot);

/** What netd wrote on a device that it made; empty for others. */
function aliasOf(device: string): string {
  try {
    return readFileSync(`/sys/class/net/${device}/ifalias`, "utf8").trim();
  } catch {
    return "";
  }
}

/** Takes the ledger of a daemon now. Addresses and counters in rules are left out; what is left must not change. */
export async function takeLedger(daemon: TestDaemon): Promise<Ledger> {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((target) => isOf(daemon, target))
    .map((target) => target.replace(/\/netns-pins\/.*/, "/netns-pins/(pool or container)"))
    .sort();
  const instance = instanceName(daemon.execRoot);
  const marked = list("/sys/class/net").filter((name) => aliasOf(name).startsWith(`dhow ${instance}`));
  const links = [...list(`/sys/class/net/${daemon.bridge}/brif`).map(() => "a veth on the bridge"), ...marked];
  const rules = await run(["nft", "-s", "list", "ruleset"]);
  const cgroups = existsSync("/sys/fs/cgroup")
    ? tree("/sys/fs/cgroup", 4).filter((path) => path.includes(`/${instance}/`) && /\/[0-9a-f]{64}/.test(path))
    : [];
  return {
    mounts,
    links,
    netns: list(join(daemon.execRoot, "netns")).map(() => "a namespace"),
    cgroups,
    rules: rules.stdout
      .split("\n")
      .filter((line) => line.includes(daemon.bridge) || line.includes(`10.213.${daemon.slot}.`)),
    bundles: list(join(daemon.execRoot, "containers")),
    containers: list(join(daemon.dataRoot, "containers")),
    trash: list(join(daemon.dataRoot, "trash")),
    temporaries: list(join(daemon.dataRoot, "content", "ingest")),
    processes: processes(daemon),
    daemonFds: list(`/proc/${daemon.pid}/fd`).length,
  };
}

/** Waits until the ledger is as `before` (teardown happens off the path), then returns; throws with the difference. */
export async function expectLedger(daemon: TestDaemon, before: Ledger, options: { fds?: boolean } = {}): Promise<void> {
  let difference = "";
  try {
    await until(
      "the ledger to be as before",
      async () => {
        difference = compare(before, await takeLedger(daemon), options.fds ?? true);
        return difference === "";
      },
      15_000,
    );
  } catch (error) {
    throw new Error(`leaked:\n${difference}`, { cause: error });
  }
}

function compare(before: Ledger, after: Ledger, withFds: boolean): string {
  const lines: string[] = [];
  for (const key of Object.keys(before) as (keyof Ledger)[]) {
    const was = before[key];
    const is = after[key];
    if (typeof was === "number" || typeof is === "number") {
      if (withFds && Number(is) > Number(was) + 2) lines.push(`${key}: ${was} -> ${is}`);
      continue;
    }
    const counts = new Map<string, number>();
    for (const item of is) counts.set(item, (counts.get(item) ?? 0) + 1);
    for (const item of was) counts.set(item, (counts.get(item) ?? 0) - 1);
    for (const [item, count] of counts) if (count !== 0) lines.push(`${key}: ${count > 0 ? "+" : ""}${count} ${item}`);
  }
  return lines.join("\n");
}
