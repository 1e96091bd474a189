import { readFileSync } from "node:fs";
import { invalidArgument } from "../../lib/errors.ts";
import type { Int64 } from "../../lib/json.ts";
import type { HostFacts } from "../host-facts.ts";
import type { SpecDefaults, SpecHostConfig } from "./input.ts";
import type { OciRlimit } from "./oci.ts";

/** `--ulimit` names, as setrlimit(2) has them. */
const names = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(" "),
);

const unlimited = 2n ** 64n - 1n;

/** Open files where neither the user nor the engine's configuration says anything: room to raise, a soft limit that select(2) can live with. */
const openFiles = { soft: 1024, hard: 524288 };

/**
 * The process's limits: the engine's defaults, the user's over them, lowered to what this engine may set. `warnings` says
 * which were lowered. Throws `invalidArgument` for an unknown name or a soft limit above the hard one.
 */
export function effectiveRlimits(
  ulimits: SpecHostConfig["Ulimits"],
  defaults: SpecDefaults["ulimits"],
  host: Pick<HostFacts, "hardLimits" | "mayRaiseLimits">,
): { rlimits: OciRlimit[]; warnings: string[] } {
  const asked = new Map<string, { soft: Int64; hard: Int64 }>([["nofile", openFiles], ...Object.entries(defaults)]);
  for (const { Name = "", Soft = 0, Hard = 0 } of ulimits ?? []) asked.set(Name, { soft: Soft, hard: Hard });
  const chosen = new Set((ulimits ?? []).map((one) => one.Name));
  const rlimits: OciRlimit[] = [];
  const warnings: string[] = [];
  for (const [name, { soft, hard }] of asked) {
    if (!names.has(name)) throw invalidArgument(`invalid ulimit type: ${name}`);
    if (wide(soft) > wide(hard)) {
      throw invalidArgument(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
    }
    const ceiling = ceilingOf(`RLIMIT_${name.toUpperCase()}`, host);
    const most = (value: Int64): Int64 => (wide(value) > ceiling ? narrow(ceiling) : narrow(wide(value)));
    if (chosen.has(name) && wide(hard) > ceiling) {
      warnings.push(`ulimit ${name}: hard limit ${hard} is more than the engine may set; lowered to ${ceiling}`);
    }
    rlimits.push({ type: `RLIMIT_${name.toUpperCase()}`, soft: most(soft), hard: most(hard) });
  }
  return { rlimits, warnings };
}

/** -1 means unlimited, as in setrlimit(2). */
const wide = (value: Int64): bigint => (value < 0 ? unlimited : BigInt(value));
const narrow = (value: bigint): Int64 => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value);

/** Even with CAP_SYS_RESOURCE no process may have more descriptors than fs.nr_open. */
function ceilingOf(type: string, host: Pick<HostFacts, "hardLimits" | "mayRaiseLimits">): bigint {
  if (type === "RLIMIT_NOFILE" && host.mayRaiseLimits) return BigInt(nrOpen());
  const own = host.hardLimits[type];
  return host.mayRaiseLimits || own === undefined ? unlimited : BigInt(own);
}

let nrOpenValue = 0;
function nrOpen(): number {
  nrOpenValue ||= Number(readFileSync("/proc/sys/fs/nr_open", "utf8"));
  return nrOpenValue;
}
