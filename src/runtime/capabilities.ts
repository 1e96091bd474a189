/** Linux capabilities: names by number (capabilities(7)), Docker's default set, and what `--cap-add`/`--cap-drop` make of it. */
import { invalidArgument } from "../lib/errors.ts";

/** Every capability in the kernel's order: the index is its number. */
export const allCapabilities = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** The 14 that a container has when nothing is said (mask 0xa80425fb). */
export const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

const known = new Set<string>(allCapabilities);

/** One list of the user's in canonical names; throws `invalidArgument` naming `option` for what is not to be had. */
function normalize(option: "CapAdd" | "CapDrop", names: readonly string[], available: readonly string[]): string[] {
  return names.map((name) => {
    const upper = name.trim().toUpperCase();
    if (upper === "ALL") return "ALL";
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (!known.has(full)) throw invalidArgument(`invalid ${option}: unknown capability: "${full}"`);
    if (option === "CapAdd" && !available.includes(full)) {
      throw invalidArgument(
        `invalid ${option}: capability not supported by your kernel or not available in the current environment: "${full}"`,
      );
    }
    return full;
  });
}

/**
 * The capabilities of a container's bounding set, in the kernel's order, out of those that the engine itself has to give
 * (`available`). `CapAdd: ALL` grants all but what `CapDrop` names; elsewhere what is named by both is granted, and
 * `CapDrop: ALL` leaves what `CapAdd` names.
 */
export function containerCapabilities(
  add: readonly string[],
  drop: readonly string[],
  options: { privileged: boolean; available: readonly string[] },
): string[] {
  const { privileged, available } = options;
  const added = normalize("CapAdd", add, available);
  const dropped = new Set(normalize("CapDrop", drop, available));
  if (privileged) return [...available];
  if (added.includes("ALL")) return available.filter((name) => !dropped.has(name));
  const kept = dropped.has("ALL") ? [] : defaultCapabilities.filter((name) => !dropped.has(name));
  const granted = new Set([...kept, ...added]);
  return available.filter((name) => granted.has(name));
}

/** Names of the bits of a mask as /proc/PID/status shows it. */
export function capabilitiesOfMask(mask: bigint): string[] {
  return allCapabilities.filter((_name, number) => (mask >> BigInt(number)) & 1n);
}
