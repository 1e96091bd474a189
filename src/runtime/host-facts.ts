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
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly apparmor: boolean;
  readonly selinux: boolean;
  readonly seccomp: boolean;
  /** Highest capability number that the kernel knows (/proc/sys/kernel/cap_last_cap). */
  readonly lastCap: number;
  /** True where an idmapped, recursive `mount_setattr` exists (5.12). */
  readonly recursiveReadOnly: boolean;
  /** Paths under /sys/devices/system/cpu/cpuN/thermal_throttle, masked in containers. */
  readonly thermalThrottle: readonly string[];
  /** The engine's own hard limits by `RLIMIT_` name, null where unlimited, and whether it may raise them. */
  readonly hardLimits: Readonly<Record<string, number>>;
  readonly mayRaiseLimits: boolean;
}
