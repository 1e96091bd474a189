/**
 * A running container's cgroup, read as Docker's stats and written as Docker's update. The cgroup is found through any
 * process of the container (/proc/PID/cgroup), so that every runtime and every cgroup layout is the same to us.
 */
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import type { ContainerBlkioStatEntry, ContainerStatsResponse } from "../api/container-stats.ts";
import type { HostConfig } from "../api/host-config.ts";
import { controllerDirectory } from "../linux/cgroup.ts";
import { expectCgroupMove } from "../linux/cgroup-move.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { updateV1, updateV2 } from "./cgroup-update.ts";

/** The parts of Docker's stats that come from the cgroup. */
export type CgroupStats = Pick<ContainerStatsResponse, "cpu_stats" | "memory_stats" | "blkio_stats" | "pids_stats">;

export interface Cgroups {
  /** A start is likely soon: see {@link expectCgroupMove}. */
  expectStart(): void;
  /** All of it, or nothing when it throws. The returned function takes it back, as far as the kernel lets it. */
  update(pid: number, hostConfig: HostConfig): Promise<() => void>;
  /** Null when the cgroup is gone. */
  stats(pid: number): Promise<CgroupStats | null>;
  /** Pids in the container's cgroup and below, in the order of the kernel. */
  processes(pid: number): Promise<readonly number[]>;
}

/** Ticks of /proc/stat and cpuacct.stat per second (USER_HZ), the same on every Linux that Bun runs on. */
const nanosecondsPerTick = 10_000_000;

export function createCgroups(): Cgroups {
  return {
    expectStart: expectCgroupMove,
    async update(pid, hostConfig) {
      const unified = controllerDirectory(pid, "");
      if (controllerDirectory(pid, "memory") === null && unified !== null) return updateV2(unified, hostConfig);
      return updateV1((controller) => controllerDirectory(pid, controller), hostConfig);
    },
    async stats(pid) {
      if (controllerDirectory(pid, "memory") !== null) return statsV1(pid);
      const unified = controllerDirectory(pid, "");
      return unified === null ? null : statsV2(unified);
    },
    async processes(pid) {
      const directory = controllerDirectory(pid, "pids") ?? controllerDirectory(pid, "");
      return directory === null ? [] : lines(directory, "cgroup.procs").map(Number);
    },
  };
}

function text(directory: string | null, file: string): string {
  if (directory === null) return "";
  try {
    return readFileSync(`${directory}/${file}`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV", "EOPNOTSUPP")) return "";
    throw error;
  }
}

const lines = (directory: string | null, file: string): string[] =>
  text(directory, file)
    .split("\n")
    .filter((line) => line !== "");

const value = (directory: string | null, file: string): number => Number(text(directory, file).trim() || 0);

/** A file of `name number` lines. */
function table(directory: string | null, file: string): Record<string, number> {
  return Object.fromEntries(
    lines(directory, file).map((line) => {
      const [name = "", amount] = line.split(" ");
      return [name, Number(amount)];
    }),
  );
}

/** CPU time of the whole host in nanoseconds, as Docker computes percentages from. */
function systemCpuUsage(): number {
  const fields = readFileSync("/proc/stat", "utf8").split("\n")[0]?.trim().split(/\s+/).slice(1, 9) ?? [];
  return fields.reduce((sum, field) => sum + Number(field), 0) * nanosecondsPerTick;
}

/** "max" and v1's near-2^63 both mean no limit of its own: the host's memory then. */
function memoryLimit(raw: string): number {
  const limit = raw.trim() === "max" ? Number.POSITIVE_INFINITY : Number(raw);
  return Math.min(limit, totalmem());
}

function pidsStats(directory: string | null): CgroupStats["pids_stats"] {
  const limit = text(directory, "pids.max").trim();
  return {
    current: value(directory, "pids.current"),
    // Docker sends the largest uint64 for "max".
    limit: limit === "max" || limit === "" ? 18446744073709551615n : Number(limit),
  };
}

const noBlkio: CgroupStats["blkio_stats"] = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

function statsV1(pid: number): CgroupStats {
  const cpu = controllerDirectory(pid, "cpu");
  const cpuacct = controllerDirectory(pid, "cpuacct");
  const memory = controllerDirectory(pid, "memory");
  const blkio = controllerDirectory(pid, "blkio");
  const ticks = table(cpuacct, "cpuacct.stat");
  const throttling = table(cpu, "cpu.stat");
  return {
    cpu_stats: {
      cpu_usage: {
        total_usage: value(cpuacct, "cpuacct.usage"),
        percpu_usage: text(cpuacct, "cpuacct.usage_percpu").trim().split(" ").map(Number),
        usage_in_kernelmode: (ticks.system ?? 0) * nanosecondsPerTick,
        usage_in_usermode: (ticks.user ?? 0) * nanosecondsPerTick,
      },
      system_cpu_usage: systemCpuUsage(),
      online_cpus: cpus().length,
      throttling_data: {
        periods: throttling.nr_periods ?? 0,
        throttled_periods: throttling.nr_throttled ?? 0,
        throttled_time: throttling.throttled_time ?? 0,
      },
    },
    memory_stats: {
      usage: value(memory, "memory.usage_in_bytes"),
      max_usage: value(memory, "memory.max_usage_in_bytes"),
      stats: table(memory, "memory.stat"),
      failcnt: value(memory, "memory.failcnt"),
      limit: memoryLimit(text(memory, "memory.limit_in_bytes")),
    },
    blkio_stats: {
      ...noBlkio,
      io_service_bytes_recursive: blkioV1(blkio, "blkio.throttle.io_service_bytes_recursive"),
      io_serviced_recursive: blkioV1(blkio, "blkio.throttle.io_serviced_recursive"),
    },
    pids_stats: pidsStats(controllerDirectory(pid, "pids")),
  };
}

/** Lines such as `254:0 Read 4096`; the closing total has two fields only. */
function blkioV1(directory: string | null, file: string): ContainerBlkioStatEntry[] {
  return lines(directory, file).flatMap((line) => {
    const [device = "", op = "", amount] = line.split(" ");
    const [major, minor] = device.split(":").map(Number);
    if (amount === undefined || major === undefined || minor === undefined) return [];
    return [{ major, minor, op: op.toLowerCase(), value: Number(amount) }];
  });
}

function statsV2(directory: string): CgroupStats {
  const cpu = table(directory, "cpu.stat");
  const events = table(directory, "memory.events");
  return {
    cpu_stats: {
      cpu_usage: {
        total_usage: (cpu.usage_usec ?? 0) * 1000,
        usage_in_kernelmode: (cpu.system_usec ?? 0) * 1000,
        usage_in_usermode: (cpu.user_usec ?? 0) * 1000,
      },
      system_cpu_usage: systemCpuUsage(),
      online_cpus: cpus().length,
      throttling_data: {
        periods: cpu.nr_periods ?? 0,
        throttled_periods: cpu.nr_throttled ?? 0,
        throttled_time: (cpu.throttled_usec ?? 0) * 1000,
      },
    },
    memory_stats: {
      usage: value(directory, "memory.current"),
      stats: table(directory, "memory.stat"),
      failcnt: events.oom ?? 0,
      limit: memoryLimit(text(directory, "memory.max") || "max"),
    },
    blkio_stats: { ...noBlkio, io_service_bytes_recursive: ioV2(directory) },
    pids_stats: pidsStats(directory),
  };
}

/** Lines such as `254:0 rbytes=4096 wbytes=0 rios=1 wios=0 ...`. */
function ioV2(directory: string): ContainerBlkioStatEntry[] {
  return lines(directory, "io.stat").flatMap((line) => {
    const [device = "", ...pairs] = line.split(" ");
    const [major = 0, minor = 0] = device.split(":").map(Number);
    const counters = Object.fromEntries(pairs.map((pair) => pair.split("=")));
    return [
      { major, minor, op: "read", value: Number(counters.rbytes ?? 0) },
      { major, minor, op: "write", value: Number(counters.wbytes ?? 0) },
    ];
  });
}
