/** `--device`, `--device-cgroup-rule` and the devices of privileged containers, looked up on the host. */
import { type Dirent, readdirSync, realpathSync } from "node:fs";
import { posix } from "node:path";
import { invalidArgument, systemError } from "../../lib/errors.ts";
import { AT_FDCWD } from "../../linux/file.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFMT, tryLstatAt } from "../../linux/stat.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import { defaultDeviceRules } from "./defaults.ts";
import type { SpecHostConfig } from "./input.ts";
import type { OciDevice, OciDeviceRule } from "./oci.ts";

export interface ContainerDevices {
  readonly devices: OciDevice[];
  readonly rules: OciDeviceRule[];
}

/** Nodes and cgroup rules for one container; throws in Docker's words when a device is not there or is none. */
export function containerDevices(hostConfig: SpecHostConfig): ContainerDevices {
  const asked = (hostConfig.Devices ?? []).flatMap(fromMapping);
  if (hostConfig.Privileged) {
    const paths = new Set(asked.map(({ device }) => device.path));
    const host = walk("/dev", "/dev").filter((device) => !paths.has(device.path));
    return {
      devices: [...host, ...asked.map(({ device }) => device)],
      rules: [{ allow: true, access: "rwm" }],
    };
  }
  return {
    devices: asked.map(({ device }) => device),
    rules: [
      ...defaultDeviceRules,
      ...asked.map(({ device, access }): OciDeviceRule => {
        const { major, minor } = device;
        return { allow: true, type: device.type === "b" ? "b" : "c", major, minor, access };
      }),
      ...(hostConfig.DeviceCgroupRules ?? []).map(parseDeviceRule),
    ],
  };
}

/** `c 13:* rwm` and its like. */
export function parseDeviceRule(text: string): OciDeviceRule {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text);
  if (!match) throw invalidArgument(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access = ""] = match;
  // A number that is absent means all of them to every runtime; -1 does to runc only.
  return {
    allow: true,
    type: type as "a" | "b" | "c",
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access,
  };
}

/** Major and minor of the block device at `path`, for the blkio options. */
export function blockDevice(path: string): [major: number, minor: number] {
  const stat = statThrough(path);
  if (!stat) throw systemError(`stat ${path}: no such file or directory`);
  return [stat.rdevMajor, stat.rdevMinor];
}

function fromMapping(mapping: NonNullable<SpecHostConfig["Devices"]>[number]): { device: OciDevice; access: string }[] {
  const onHost = mapping.PathOnHost ?? "";
  const inside = mapping.PathInContainer || onHost;
  const access = mapping.CgroupPermissions || "rwm";
  const fail = (reason: string) =>
    systemError(`error gathering device information while adding custom device "${onHost}": ${reason}`);
  const stat = statThrough(onHost);
  if (!stat) throw fail("no such file or directory");
  if ((stat.mode & S_IFMT) === S_IFDIR) {
    const found = walk(realpathSync(onHost), inside);
    if (found.length === 0) throw fail("not a device node");
    return found.map((device) => ({ device, access }));
  }
  const device = toDevice(stat, inside);
  if (!device) throw fail("not a device node");
  return [{ device, access }];
}

type Stat = NonNullable<ReturnType<typeof tryLstatAt>>;

function statThrough(path: string): Stat | null {
  try {
    return tryLstatAt(AT_FDCWD, realpathSync(path));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return null;
    throw error;
  }
}

/** The node that `stat` tells of, at `path` in a container; null for what is no device. */
export function toDevice(stat: Stat, path: string): OciDevice | null {
  const type = stat.mode & S_IFMT;
  if (type !== S_IFCHR && type !== S_IFBLK) return null;
  return {
    type: type === S_IFBLK ? "b" : "c",
    path,
    major: stat.rdevMajor,
    minor: stat.rdevMinor,
    fileMode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
  };
}

/** Made afresh in each container, or not devices at all. */
const skipped = new Set(["pts", "shm", "fd", "mqueue", "console", "ptmx", ".lxc", ".lxd-mounts", ".udev"]);

/** A directory may go while the tree is walked; then it has none. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

function walk(from: string, as: string): OciDevice[] {
  const found: OciDevice[] = [];
  for (const entry of entriesOf(from)) {
    if (skipped.has(entry.name) || entry.isSymbolicLink()) continue;
    const path = posix.join(from, entry.name);
    const target = posix.join(as, entry.name);
    if (entry.isDirectory()) found.push(...walk(path, target));
    else {
      const stat = tryLstatAt(AT_FDCWD, path);
      const device = stat && toDevice(stat, target);
      if (device) found.push(device);
    }
  }
  return found;
}
