/**
 * What a kept tree holds: its files as their client told of them, and a digest of what is in each, so that whether something has
 * changed is seen without a look at the files. On disk: the boot it was written in, the digest of the list in 64 hex digits, then a
 * message. Files are not brought to the disk before their list, so that after a loss of power the list may know more than there is:
 * a list of another boot is none.
 */
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { Stat } from "../../api/buildkit/files.ts";
import { listDigest } from "../../api/buildkit/list-digest.ts";
import { many, message } from "../../lib/protobuf/message.ts";
import { type FileStat, kindOfFile } from "./file-list.ts";

export type Files = ReadonlyMap<string, FileStat>;

export interface KeptList {
  /** By path, in the order of a walk. */
  readonly files: Files;
  /** SHA-256 of the bytes of each regular file, 64 hex digits, by path. */
  readonly contents: ReadonlyMap<string, string>;
}

/** `contents` are those of the regular files, in their order. */
const KeptListMessage = message("dhow.KeptList", { files: many(1, Stat), contents: many(2, "bytes") });

const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
/** Before the message. */
const headLength = boot.length + 64;

export function writeKeptList(path: string, { files, contents }: KeptList): void {
  const stats = [...files.values()];
  const regular = stats.filter((stat) => kindOfFile(stat) === "file");
  const encoded = KeptListMessage.encode({
    files: stats,
    contents: regular.map((stat) => Buffer.from(contents.get(stat.path) ?? "", "hex")),
  });
  writeFileSync(path, Buffer.concat([Buffer.from(boot + listDigest(stats)), encoded]), { mode: 0o600 });
}

/** Null for a file that is not there, or is none of ours and of this boot. */
export function readKeptList(path: string): KeptList | null {
  if (readListDigest(path) === null) return null;
  try {
    const read = KeptListMessage.decode(readFileSync(path).subarray(headLength), Number.POSITIVE_INFINITY);
    const files = new Map(read.files.map((stat) => [stat.path, stat]));
    const regular = read.files.filter((stat) => kindOfFile(stat) === "file");
    if (regular.length !== read.contents.length) return null;
    const digests = read.contents.map((digest) => Buffer.from(digest).toString("hex"));
    return { files, contents: new Map(regular.map((stat, i) => [stat.path, digests[i] ?? ""])) };
  } catch {
    return null;
  }
}

/** The `listDigest` alone, of which the rest need not be read; null as for {@link readKeptList}. */
export function readListDigest(path: string): string | null {
  try {
    const fd = openSync(path, "r");
    try {
      const head = Buffer.alloc(headLength);
      readSync(fd, head, 0, headLength, 0);
      const text = head.toString("latin1");
      const digest = text.slice(boot.length);
      return text.startsWith(boot) && /^[0-9a-f]{64}$/.test(digest) ? digest : null;
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
}
