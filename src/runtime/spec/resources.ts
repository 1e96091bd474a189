import type { Int64 } from "../../lib/json.ts";
import type { SpecHostConfig, SpecInput } from "./input.ts";
import type { OciResources, OciThrottle } from "./oci.ts";

/** The scheduling period, in microseconds, that `NanoCpus` is turned into a quota of. */
const cpuPeriod = 100_000;

/** A positive number, else undefined: the API's 0 and null both mean "not set". */
const positive = (value: Int64 | null | undefined): Int64 | undefined =>
  value != null && value > 0 ? value : undefined;

const whenAny = <T extends object>(value: T): T | undefined =>
  Object.values(value).some((part) => part !== undefined) ? value : undefined;

/** cgroup limits; fields that are not asked for are absent, so that a runtime touches no other controller file. */
export function resources(input: SpecInput): OciResources {
  const host = input.hostConfig;
  return {
    devices: input.deviceRules,
    memory: memory(host),
    cpu: cpu(host),
    pids: positive(host.PidsLimit) === undefined ? undefined : { limit: host.PidsLimit as Int64 },
    blockIO: blockIo(input),
  };
}

function memory(host: SpecHostConfig): OciResources["memory"] {
  const limit = positive(host.Memory);
  const swappiness = host.MemorySwappiness;
  return whenAny({
    limit,
    reservation: positive(host.MemoryReservation),
    swap: limit === undefined ? undefined : swapLimit(limit, host.MemorySwap),
    swappiness: swappiness == null || swappiness < 0 ? undefined : Number(swappiness),
    disableOOMKiller: host.OomKillDisable === true ? true : undefined,
  });
}

/** Memory plus swap: twice the memory when nothing is said, -1 is unlimited. */
export function swapLimit(limit: Int64, swap: Int64 | null | undefined): Int64 {
  if (swap == null || BigInt(swap) === 0n) {
    const doubled = BigInt(limit) * 2n;
    return doubled <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(doubled) : doubled;
  }
  return swap;
}

function cpu(host: SpecHostConfig): OciResources["cpu"] {
  const nano = positive(host.NanoCpus);
  const shares = positive(host.CpuShares);
  return whenAny({
    shares: shares === undefined ? undefined : Number(shares),
    quota: nano === undefined ? positive(host.CpuQuota) : Math.round((Number(nano) * cpuPeriod) / 1e9),
    period: nano === undefined ? positive(host.CpuPeriod) : cpuPeriod,
    realtimeRuntime: positive(host.CpuRealtimeRuntime),
    realtimePeriod: positive(host.CpuRealtimePeriod),
    cpus: host.CpusetCpus || undefined,
    mems: host.CpusetMems || undefined,
  });
}

function blockIo(input: SpecInput): OciResources["blockIO"] {
  const host = input.hostConfig;
  const numbers = (path: string | undefined): { major: number; minor: number } => {
    const [major, minor] = input.blockDevices[path ?? ""] ?? [0, 0];
    return { major, minor };
  };
  const throttles = (
    list: readonly { readonly Path?: string; readonly Rate?: Int64 }[] | null | undefined,
  ): OciThrottle[] | undefined =>
    list?.length ? list.map(({ Path, Rate }) => ({ ...numbers(Path), rate: Rate ?? 0 })) : undefined;
  const canWeigh = input.host.blkioWeight;
  const weight = canWeigh ? positive(host.BlkioWeight) : undefined;
  return whenAny({
    weight: weight === undefined ? undefined : Number(weight),
    weightDevice:
      canWeigh && host.BlkioWeightDevice?.length
        ? host.BlkioWeightDevice.map(({ Path, Weight }) => ({ ...numbers(Path), weight: Weight ?? 0 }))
        : undefined,
    throttleReadBpsDevice: throttles(host.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(host.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(host.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(host.BlkioDeviceWriteIOps),
  });
}
