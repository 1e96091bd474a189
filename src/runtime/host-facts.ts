import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { capabilitiesOfMask } from "./capabilities.ts";

/** What the kernel of this host offers containers; probed once, when the engine starts. */
export interface HostFacts {
  /** Node's word for the machine: `x64`, `arm64`. */
  readonly arch: string;
  readonly kernel: readonly [major: number, minor: number];
  readonly cgroupVersion: 1 | 2;
  /** cgroup controllers that are usable: mounted on v1, listed at the root on v2. */
  readonly controllers: ReadonlySet<string>;
  /** True when memory.memsw.* exists (v1) or swap accounting is on (v2). */
  readonly swapLimit: boolean;
  /** True where the block controller of this kernel knows weights. */
  readonly blkioWeight: boolean;
  readonly cpus: number;
  /** NUMA nodes; 1 where the kernel knows of none. */
  readonly memoryNodes: number;
  /** Bytes. */
  readonly memory: number;
  readonly apparmor: boolean;
  readonly selinux: boolean;
  readonly seccomp: boolean;
  /** Capabilities that this process may hand on (its bounding set). */
  readonly capabilities: readonly string[];
  /** True where an idmapped, recursive `mount_setattr` exists (5.12). */
  readonly recursiveReadOnly: boolean;
  /** Paths under /sys/devices/system/cpu/cpuN/thermal_throttle, masked in containers. */
  readonly thermalThrottle: readonly string[];
  /** The engine's own hard limits by `RLIMIT_` name, null where unlimited, and whether it may raise them. */
  readonly hardLimits: Readonly<Record<string, number>>;
  readonly mayRaiseLimits: boolean;
}

const memoryController = "/sys/fs/cgroup/memory";

/** Probes this host; cheap enough for every start of the engine. */
export function probeHost(): HostFacts {
  const [major = "0", minor = "0"] = release().split(/[.-]/);
  const kernel = [Number(major), Number(minor)] as const;
  const cgroupVersion = existsSync("/sys/fs/cgroup/cgroup.controllers") ? 2 : 1;
  return {
    arch: process.arch,
    kernel,
    cgroupVersion,
    controllers: controllers(cgroupVersion),
    swapLimit:
      cgroupVersion === 2 ? existsSync("/proc/swaps") : existsSync(`${memoryController}/memory.memsw.limit_in_bytes`),
    blkioWeight:
      ["/sys/fs/cgroup/blkio/blkio.weight", "/sys/fs/cgroup/blkio/blkio.bfq.weight"].some(existsSync) ||
      (cgroupVersion === 2 && controllers(2).has("io")),
    cpus: cpus().length,
    memoryNodes: 1 + Math.max(...text("/sys/devices/system/node/online").trim().split(/[-,]/).map(Number)),
    memory: totalmem(),
    apparmor: text("/sys/module/apparmor/parameters/enabled").startsWith("Y"),
    selinux: existsSync("/sys/fs/selinux/enforce"),
    seccomp: existsSync("/proc/sys/kernel/seccomp"),
    capabilities: capabilitiesOfMask(capabilityMask("CapBnd")),
    recursiveReadOnly: kernel[0] > 5 || (kernel[0] === 5 && kernel[1] >= 12),
    thermalThrottle: thermalThrottle(),
    hardLimits: hardLimits(),
    mayRaiseLimits: capabilitiesOfMask(capabilityMask("CapEff")).includes("CAP_SYS_RESOURCE"),
  };
}

/** What this host lacks that containers would be kept in by, for `info`; limits in dockerd's words. */
export function hostWarnings(host: HostFacts): string[] {
  const limits: readonly (readonly [what: string, there: boolean])[] = [
    ["memory limit", host.controllers.has("memory")],
    ["swap limit", host.swapLimit],
    ["cpu cfs quota", host.controllers.has("cpu")],
    ["cpuset", host.controllers.has("cpuset")],
    ["pids limit", host.controllers.has("pids")],
  ];
  return [
    ...limits.filter(([, there]) => !there).map(([what]) => `WARNING: No ${what} support`),
    ...(host.seccomp ? [] : ["WARNING: No seccomp support: containers run without a syscall filter"]),
    ...(host.apparmor || host.selinux ? [] : ["WARNING: No AppArmor or SELinux support in this kernel"]),
    ...(host.apparmor ? ["WARNING: No default AppArmor profile: name one by --security-opt apparmor=NAME"] : []),
  ];
}

/** The file's text, empty when it cannot be read. */
function text(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function controllers(version: 1 | 2): Set<string> {
  if (version === 2) return new Set(text("/sys/fs/cgroup/cgroup.controllers").split(" "));
  const mounted = text("/proc/self/mounts")
    .split("\n")
    .map((line) => line.split(" "))
    .filter((fields) => fields[2] === "cgroup");
  return new Set(mounted.flatMap((fields) => (fields[3] ?? "").split(",")).filter((word) => word !== "rw"));
}

function thermalThrottle(): string[] {
  const base = "/sys/devices/system/cpu";
  try {
    return readdirSync(base)
      .filter((name) => /^cpu[0-9]+$/.test(name))
      .map((name) => `${base}/${name}/thermal_throttle`)
      .filter((path) => existsSync(path));
  } catch {
    return [];
  }
}

/** Hard limits of this process by `RLIMIT_` name, unlimited ones left out (proc_pid_limits(5)). */
function hardLimits(): Record<string, number> {
  const names: Record<string, string> = {
    "Max open files": "RLIMIT_NOFILE",
    "Max processes": "RLIMIT_NPROC",
    "Max locked memory": "RLIMIT_MEMLOCK",
    "Max core file size": "RLIMIT_CORE",
    "Max stack size": "RLIMIT_STACK",
  };
  const limits: Record<string, number> = {};
  for (const line of text("/proc/self/limits").split("\n")) {
    const match = /^(.+?)\s{2,}\S+\s+(\d+)/.exec(line);
    const name = match && names[match[1] ?? ""];
    if (name) limits[name] = Number(match[2]);
  }
  return limits;
}

/** One set of this process, as proc_pid_status(5) writes it. */
function capabilityMask(set: "CapBnd" | "CapEff"): bigint {
  const match = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, "m").exec(text("/proc/self/status"));
  return match ? BigInt(`0x${match[1]}`) : 0n;
}
