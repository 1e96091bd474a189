/** What every container gets when nothing is said: mounts, hidden paths, device rules. */
import type { HostFacts } from "../host-facts.ts";
import type { OciDeviceRule, OciMount } from "./oci.ts";

/** Kernel interfaces that tell too much about the host: covered by an empty file or directory. */
export function defaultMaskedPaths(host: Pick<HostFacts, "thermalThrottle">): string[] {
  return [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    ...host.thermalThrottle,
  ];
}

/** Kernel interfaces that change the host: readable only. */
export const defaultReadonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** File systems of the kernel's own, in mount order, /dev/shm apart (it depends on the IPC mode). */
export const kernelMounts: readonly (OciMount & { options: readonly string[] })[] = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
];

const character = (major: number, minor?: number): OciDeviceRule => ({
  allow: true,
  type: "c",
  major,
  ...(minor === undefined ? {} : { minor }),
  access: "rwm",
});

/** Deny all, then the nodes that programs expect: zero, null, full, urandom, random, tty, console, ptmx and the ptys. */
export const defaultDeviceRules: readonly OciDeviceRule[] = [
  { allow: false, access: "rwm" },
  character(1, 5),
  character(1, 3),
  character(1, 7),
  character(1, 9),
  character(1, 8),
  character(5, 0),
  character(5, 1),
  character(5, 2),
  character(136),
];

export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
