/** What `--opt type=,device=,o=` mounts on a local volume's data, in the words and by the table of dockerd. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { messageOf, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import {
  MNT_DETACH,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  mount,
  unmount,
} from "../linux/mount.ts";
import { strerror } from "../linux/strerror.ts";
import { SyscallError } from "../linux/syscall-error.ts";

const MS_UNBINDABLE = 1 << 17;
const MS_SLAVE = 1 << 19;
const MS_SHARED = 1 << 20;

/** Words of `o=` that are flags of mount(2): those that set bits, and those that clear them. */
const setting: Readonly<Record<string, number>> = {
  ro: MS_RDONLY,
  nosuid: MS_NOSUID,
  nodev: MS_NODEV,
  noexec: MS_NOEXEC,
  sync: 16,
  remount: MS_REMOUNT,
  mand: 64,
  dirsync: 128,
  noatime: 1024,
  nodiratime: 2048,
  bind: MS_BIND,
  rbind: MS_BIND | MS_REC,
  relatime: 1 << 21,
  strictatime: 1 << 24,
  defaults: 0,
};
const clearing: Readonly<Record<string, number>> = {
  rw: MS_RDONLY,
  suid: MS_NOSUID,
  dev: MS_NODEV,
  exec: MS_NOEXEC,
  async: 16,
  nomand: 64,
  atime: 1024,
  diratime: 2048,
  norelatime: 1 << 21,
  nostrictatime: 1 << 24,
};
/** Propagation, which takes a call of its own. */
const propagating: Readonly<Record<string, number>> = {
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  shared: MS_SHARED,
  rshared: MS_SHARED | MS_REC,
  slave: MS_SLAVE,
  rslave: MS_SLAVE | MS_REC,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE | MS_REC,
};

export interface ParsedOptions {
  readonly flags: number;
  readonly propagation: number;
  /** What is the file system's own business. */
  readonly data: readonly string[];
}

/** Cuts the comma list of `o=` into what the kernel takes as flags and what the file system reads. */
export function parseMountOptions(text: string): ParsedOptions {
  let flags = 0;
  let propagation = 0;
  const data: string[] = [];
  for (const word of text.split(",")) {
    if (Object.hasOwn(setting, word)) flags |= setting[word] ?? 0;
    else if (Object.hasOwn(clearing, word)) flags &= ~(clearing[word] ?? 0);
    else if (Object.hasOwn(propagating, word)) propagation |= propagating[word] ?? 0;
    else if (word !== "") data.push(word);
  }
  return { flags, propagation, data };
}

/** Mounts on the directory `target`; throws in dockerd's words, and leaves nothing mounted then. */
export async function mountLocal(target: string, options: Readonly<Record<string, string>>): Promise<void> {
  const type = options.type ?? "";
  const failed = (reason: string, cause: unknown) =>
    systemError(`error while mounting volume '${target}': ${reason}`, { cause });
  let device = options.device ?? "";
  const { flags, propagation, data: words } = parseMountOptions(options.o ?? "");
  let data = [...words];
  try {
    if (type.startsWith("nfs") || type === "cifs") data = await Promise.all(data.map(resolveAddress));
    if (type === "cifs") device = await resolveShare(device);
  } catch (error) {
    throw failed(`error resolving passed in network volume address: ${messageOf(error)}`, error);
  }
  let mounted = false;
  try {
    mount(device, target, type, flags, data.join(","));
    mounted = true;
    if (propagation !== 0) mount("", target, "", propagation, "");
    // The kernel takes no notice of "read only" in the call that binds.
    const readOnlyBind = MS_BIND | MS_RDONLY;
    if ((flags & readOnlyBind) === readOnlyBind) mount("", target, "", flags | MS_REMOUNT, data.join(","));
  } catch (error) {
    if (mounted) unmount(target, MNT_DETACH);
    if (!(error instanceof SyscallError)) throw error;
    const what = [
      `mount ${device}:${target}`,
      ...(flags === 0 ? [] : [`flags: 0x${flags.toString(16)}`]),
      ...(data.length === 0 ? [] : [`data: ${withoutPasswords(data)}`]),
    ].join(", ");
    throw failed(`failed to mount local volume: ${what}: ${strerror(error.errno)}`, error);
  }
  failPoint("volumes.mount.mounted");
}

/** These file systems take a server's address only: `addr=NAME` is looked up here. */
async function resolveAddress(word: string): Promise<string> {
  const name = word.startsWith("addr=") ? word.slice("addr=".length) : "";
  if (name === "" || isIP(name)) return word;
  return `addr=${await addressOf(name)}`;
}

/** `//SERVER/SHARE` with the server's address. */
async function resolveShare(device: string): Promise<string> {
  const [, server = "", rest = ""] = /^\/\/([^/]+)(\/.*)?$/.exec(device) ?? [];
  if (server === "" || isIP(server)) return device;
  return `//${await addressOf(server)}${rest}`;
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw systemError(`lookup ${host}: no such host`, { cause: error });
  }
}

/** Mount data as an error may show it. */
function withoutPasswords(data: readonly string[]): string {
  return data.map((word) => word.replace(/^(password\w*)=.*/, "$1=********")).join(",");
}
