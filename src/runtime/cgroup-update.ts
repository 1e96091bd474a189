/** Writes a container's changed limits into its cgroup, v1 and v2 (`docker update`). Values of 0 or null are left alone. */
import { writeFileSync } from "node:fs";
import type { HostConfig } from "../api/host-config.ts";
import { messageOf, systemError } from "../lib/errors.ts";
import type { Int64 } from "../lib/json.ts";
import { swapLimit } from "./spec/resources.ts";

const period = 100_000;

const given = (amount: Int64 | null | undefined): amount is Int64 => amount != null && Number(amount) !== 0;

function write(directory: string | null, file: string, content: string): void {
  if (directory === null) return;
  try {
    writeFileSync(`${directory}/${file}`, content);
  } catch (error) {
    throw systemError(`failed to write ${content} to ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function quotaOf(host: HostConfig): { quota: number; period: number } | null {
  if (given(host.NanoCpus)) return { quota: Math.round((Number(host.NanoCpus) * period) / 1e9), period };
  if (!given(host.CpuQuota) && !given(host.CpuPeriod)) return null;
  return { quota: Number(host.CpuQuota || -1), period: Number(host.CpuPeriod || period) };
}

/** `directoryOf` gives the directory of a v1 controller, or null. */
export function updateV1(directoryOf: (controller: string) => string | null, host: HostConfig): void {
  const cpu = directoryOf("cpu");
  const cpuset = directoryOf("cpuset");
  const memory = directoryOf("memory");
  if (given(host.CpuShares)) write(cpu, "cpu.shares", String(host.CpuShares));
  const quota = quotaOf(host);
  if (quota) {
    write(cpu, "cpu.cfs_period_us", String(quota.period));
    write(cpu, "cpu.cfs_quota_us", String(quota.quota));
  }
  if (host.CpusetCpus) write(cpuset, "cpuset.cpus", host.CpusetCpus);
  if (host.CpusetMems) write(cpuset, "cpuset.mems", host.CpusetMems);
  if (given(host.MemoryReservation)) write(memory, "memory.soft_limit_in_bytes", String(host.MemoryReservation));
  if (given(host.Memory)) raiseThenLowerV1(memory, host.Memory, swapLimit(host.Memory, host.MemorySwap));
  if (host.PidsLimit != null)
    write(directoryOf("pids"), "pids.max", Number(host.PidsLimit) > 0 ? String(host.PidsLimit) : "max");
}

/** The kernel wants memory <= memory+swap at every moment, so the order depends on the direction: try both. */
function raiseThenLowerV1(memory: string | null, limit: Int64, swap: Int64): void {
  const limits = () => write(memory, "memory.limit_in_bytes", String(limit));
  const swaps = () => write(memory, "memory.memsw.limit_in_bytes", String(swap));
  try {
    swaps();
    limits();
  } catch {
    limits();
    swaps();
  }
}

export function updateV2(directory: string, host: HostConfig): void {
  if (given(host.CpuShares)) {
    // The mapping of the OCI runtimes: [2, 262144] onto [1, 10000].
    const weight = 1 + ((Number(host.CpuShares) - 2) * 9999) / 262142;
    write(directory, "cpu.weight", String(Math.trunc(weight)));
  }
  const quota = quotaOf(host);
  if (quota) write(directory, "cpu.max", `${quota.quota < 0 ? "max" : quota.quota} ${quota.period}`);
  if (host.CpusetCpus) write(directory, "cpuset.cpus", host.CpusetCpus);
  if (host.CpusetMems) write(directory, "cpuset.mems", host.CpusetMems);
  if (given(host.MemoryReservation)) write(directory, "memory.low", String(host.MemoryReservation));
  if (given(host.Memory)) {
    write(directory, "memory.max", String(host.Memory));
    const swap = swapLimit(host.Memory, host.MemorySwap);
    const swapOnly = Number(swap) < 0 ? "max" : String(BigInt(swap) - BigInt(host.Memory));
    write(directory, "memory.swap.max", swapOnly);
  }
  if (host.PidsLimit != null) write(directory, "pids.max", Number(host.PidsLimit) > 0 ? String(host.PidsLimit) : "max");
}
