/** Writes a container's changed limits into its cgroup, v1 and v2 (`docker update`). Values of 0 or null are left alone. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { HostConfig } from "../api/host-config.ts";
import { messageOf, systemError } from "../lib/errors.ts";
import type { Int64 } from "../lib/json.ts";
import { swapLimit } from "./spec/resources.ts";

const period = 100_000;

const given = (amount: Int64 | null | undefined): amount is Int64 => amount != null && Number(amount) !== 0;

type Write = (directory: string | null, file: string, content: string) => void;

/** All of what `body` writes, or what was there before. The returned function puts that back later, as far as the kernel lets it. */
function allOrNothing(body: (write: Write) => void): () => void {
  const before: { readonly path: string; readonly content: string }[] = [];
  const undo = (): void => {
    for (const { path, content } of before.splice(0).reverse()) {
      try {
        writeFileSync(path, content);
      } catch {
        // The cgroup is gone, or holds more by now.
      }
    }
  };
  try {
    body((directory, file, content) => {
      if (directory === null) return;
      const path = `${directory}/${file}`;
      try {
        const old = readFileSync(path, "utf8").trim();
        writeFileSync(path, content);
        before.push({ path, content: old });
      } catch (error) {
        throw systemError(`failed to write ${content} to ${file}: ${messageOf(error)}`, { cause: error });
      }
    });
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

function quotaOf(host: HostConfig): { quota: number; period: number } | null {
  if (given(host.NanoCpus)) return { quota: Math.round((Number(host.NanoCpus) * period) / 1e9), period };
  if (!given(host.CpuQuota) && !given(host.CpuPeriod)) return null;
  return { quota: Number(host.CpuQuota || -1), period: Number(host.CpuPeriod || period) };
}

/** The first of the files that this kernel has; which one depends on its scheduler of block devices. */
function fileOf(directory: string | null, ...files: readonly string[]): string | undefined {
  return files.find((file) => existsSync(`${directory}/${file}`));
}

const pidsOf = ({ PidsLimit }: HostConfig): string => (Number(PidsLimit) > 0 ? String(PidsLimit) : "max");

/** `directoryOf` gives the directory of a v1 controller, or null. Returns what takes the change back. */
export function updateV1(directoryOf: (controller: string) => string | null, host: HostConfig): () => void {
  const cpu = directoryOf("cpu");
  const cpuset = directoryOf("cpuset");
  const memory = directoryOf("memory");
  return allOrNothing((write) => {
    if (given(host.CpuShares)) write(cpu, "cpu.shares", String(host.CpuShares));
    const quota = quotaOf(host);
    if (quota) {
      write(cpu, "cpu.cfs_period_us", String(quota.period));
      write(cpu, "cpu.cfs_quota_us", String(quota.quota));
    }
    if (host.CpusetCpus) write(cpuset, "cpuset.cpus", host.CpusetCpus);
    if (host.CpusetMems) write(cpuset, "cpuset.mems", host.CpusetMems);
    if (given(host.MemoryReservation)) write(memory, "memory.soft_limit_in_bytes", String(host.MemoryReservation));
    if (given(host.Memory)) raiseThenLowerV1(write, memory, host.Memory, swapLimit(host.Memory, host.MemorySwap));
    const blkio = directoryOf("blkio");
    const weight = fileOf(blkio, "blkio.weight", "blkio.bfq.weight");
    if (given(host.BlkioWeight) && weight) write(blkio, weight, String(host.BlkioWeight));
    if (host.PidsLimit != null) write(directoryOf("pids"), "pids.max", pidsOf(host));
  });
}

/** The kernel wants memory <= memory+swap at every moment, so the order depends on the direction: try both. */
function raiseThenLowerV1(write: Write, memory: string | null, limit: Int64, swap: Int64): void {
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

/** Returns what takes the change back. */
export function updateV2(directory: string, host: HostConfig): () => void {
  return allOrNothing((write) => {
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
    const weight = fileOf(directory, "io.bfq.weight", "io.weight");
    if (given(host.BlkioWeight) && weight) write(directory, weight, weightV2(weight, host.BlkioWeight));
    if (host.PidsLimit != null) write(directory, "pids.max", pidsOf(host));
  });
}

/** The mapping of the OCI runtimes: bfq has the first version's scale, the others' is [10, 1000] onto [1, 10000]. */
function weightV2(file: string, weight: number): string {
  return String(file === "io.bfq.weight" ? weight : 1 + Math.trunc(((weight - 10) * 9999) / 990));
}
