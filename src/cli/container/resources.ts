/** What `create` and `update` both set. */
import type { HostConfig } from "../../api/host-config.ts";
import { splitPair } from "../../lib/flags.ts";
import type { CreateFlags } from "./create-flags.ts";

/** The limits that `update` changes too. */
export function resources(
  flags: Pick<CreateFlags, keyof typeof import("./create-flags.ts").resourceFlags>,
): Partial<HostConfig> {
  return {
    CpuShares: flags["cpu-shares"],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    BlkioWeight: flags["blkio-weight"],
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    ...(flags["kernel-memory"] > 0 && { KernelMemory: flags["kernel-memory"] }),
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    PidsLimit: flags["pids-limit"],
  };
}

/** `no`, `always`, `unless-stopped`, `on-failure[:N]`. */
export function restartPolicy(text: string): { Name: string; MaximumRetryCount: number } {
  const [name, count] = splitPair(text, ":");
  if (text.includes(":") && name === "")
    throw new Error(`invalid restart policy format: no policy provided before colon`);
  if (count !== "" && !/^[+-]?\d+$/.test(count))
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  return { Name: name, MaximumRetryCount: Number(count || 0) };
}
