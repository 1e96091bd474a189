/** A member's header and its extension records put together. */
import { invalidArgument } from "../errors.ts";
import type { TarEntry, TarEntryType } from "./entry.ts";
import { invalidHeader, type RawHeader } from "./header.ts";
import { type PaxRecords, paxNumber, paxTime } from "./pax.ts";

const types: Record<string, TarEntryType> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

/** The entry of `raw` with what pax `records` say over it; throws `invalidArgument` for an unknown type or owner. */
export function entryOf(raw: RawHeader, records: PaxRecords): TarEntry {
  const type = types[raw.typeflag];
  if (type === undefined) throw invalidArgument(`unhandled tar header type ${raw.typeflag.charCodeAt(0)}`);
  const entry: TarEntry = {
    path: raw.path,
    type,
    linkPath: raw.linkPath,
    mode: raw.mode & 0o7777,
    uid: raw.uid,
    gid: raw.gid,
    size: 0,
    mtime: { sec: raw.mtime, nsec: 0 },
    devMajor: raw.devMajor,
    devMinor: raw.devMinor,
    xattrs: null,
  };
  if (records.length > 0) applyPax(entry, records);
  checkOwner(entry.uid);
  checkOwner(entry.gid);
  return entry;
}

function applyPax(entry: TarEntry, records: PaxRecords): void {
  let xattrs: Map<string, Buffer> | null = null;
  let sparseName: Buffer | null = null;
  for (const { key, value } of records) {
    if (key.startsWith("SCHILY.xattr.")) {
      xattrs ??= new Map();
      xattrs.set(key.slice("SCHILY.xattr.".length), value);
    }
    if (value.length === 0) continue; // an empty value takes a record back
    if (key === "path") entry.path = value;
    else if (key === "GNU.sparse.name") sparseName = value;
    else if (key === "linkpath") entry.linkPath = value;
    else if (key === "uid") entry.uid = paxNumber(value);
    else if (key === "gid") entry.gid = paxNumber(value);
    else if (key === "mtime") entry.mtime = paxTime(value);
  }
  entry.xattrs = xattrs;
  if (sparseName) entry.path = sparseName;
}

/** chown(2) takes 2^32-1 as "leave it", which would leave root. */
function checkOwner(id: number): void {
  if (id < 0 || id >= 0xffffffff) throw invalidHeader("owner out of range");
}
