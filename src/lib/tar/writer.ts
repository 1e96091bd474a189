/** Writing tar: ustar headers, with a pax extended header before those members that need more (pax(1)). */
import { blockSize, type TarEntry, type TarEntryType } from "./entry.ts";
import { formatPaxRecord } from "./pax.ts";

const typeflags: Record<TarEntryType, string> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** The end of an archive. */
export const tarEnd: Buffer = Buffer.alloc(2 * blockSize);

/** The bytes that fill the last block of a member of `size` bytes. */
export function tarPadding(size: number): Buffer {
  return tarEnd.subarray(0, (blockSize - (size % blockSize)) % blockSize);
}

export interface HeaderOptions {
  /** Keep the fraction of the modification time, at the price of a pax header for nearly every member. */
  readonly nanoseconds?: boolean;
  /** The member's data is a sparse file's of this size, a map first (version 1.0 of the GNU tar manual's "Storing Sparse Files"). */
  readonly sparseSize?: number;
}

/** An entry for {@link tarHeader}: what is left out is 0, empty or absent. */
export type TarEntryInput = Partial<TarEntry> & Pick<TarEntry, "path" | "type">;

/** The blocks that introduce `entry`: a pax header where ustar's fields do not hold it, and the ustar header. */
export function tarHeader(entry: TarEntryInput, options: HeaderOptions = {}): Buffer {
  const records: Buffer[] = [];
  const block = Buffer.alloc(blockSize);
  if (options.sparseSize !== undefined) {
    records.push(formatPaxRecord("GNU.sparse.major", "1"), formatPaxRecord("GNU.sparse.minor", "0"));
    records.push(formatPaxRecord("GNU.sparse.name", entry.path));
    records.push(formatPaxRecord("GNU.sparse.realsize", String(options.sparseSize)));
    // What a reader that knows nothing of this makes: a file of another name.
    block.write("GNUSparseFile.0/entry", 0, "latin1");
  } else writeNames(block, entry, records);
  writeOctal(block, 100, 8, entry.mode ?? 0);
  writeNumber(block, 108, 8, "uid", entry.uid ?? 0, records);
  writeNumber(block, 116, 8, "gid", entry.gid ?? 0, records);
  writeNumber(block, 124, 12, "size", entry.type === "file" ? (entry.size ?? 0) : 0, records);
  writeTime(block, entry, options.nanoseconds ?? false, records);
  block.write(typeflags[entry.type], 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  if (entry.type === "char" || entry.type === "block") {
    writeOctal(block, 329, 8, entry.devMajor ?? 0);
    writeOctal(block, 337, 8, entry.devMinor ?? 0);
  }
  for (const [name, value] of entry.xattrs ?? []) records.push(formatPaxRecord(`SCHILY.xattr.${name}`, value));
  writeChecksum(block);
  return records.length === 0 ? block : Buffer.concat([paxHeader(Buffer.concat(records)), block]);
}

function writeNames(block: Buffer, entry: TarEntryInput, records: Buffer[]): void {
  const path =
    entry.type === "directory" && entry.path.at(-1) !== 0x2f
      ? Buffer.concat([entry.path, Buffer.from("/")])
      : entry.path;
  if (path.length > 100) records.push(formatPaxRecord("path", path));
  block.set(path.subarray(0, 100), 0);
  const link = entry.linkPath ?? Buffer.alloc(0);
  if (link.length > 100) records.push(formatPaxRecord("linkpath", link));
  block.set(link.subarray(0, 100), 157);
}

function writeTime(block: Buffer, entry: TarEntryInput, nanoseconds: boolean, records: Buffer[]): void {
  const { sec, nsec } = entry.mtime ?? { sec: 0, nsec: 0 };
  const fits = sec >= 0 && sec < 8 ** 11;
  writeOctal(block, 136, 12, fits ? sec : 0);
  if (fits && (nsec === 0 || !nanoseconds)) return;
  records.push(formatPaxRecord("mtime", timeText(sec, nanoseconds ? nsec : 0)));
}

/** Decimal seconds; a negative time's fraction counts towards zero. */
function timeText(sec: number, nsec: number): string {
  if (nsec === 0) return String(sec);
  const fraction = (value: number): string => String(value).padStart(9, "0").replace(/0+$/, "");
  if (sec >= 0) return `${sec}.${fraction(nsec)}`;
  return `-${-sec - 1}.${fraction(1_000_000_000 - nsec)}`;
}

function writeNumber(block: Buffer, at: number, length: number, key: string, value: number, records: Buffer[]): void {
  const fits = value < 8 ** (length - 1);
  writeOctal(block, at, length, fits ? value : 0);
  if (!fits) records.push(formatPaxRecord(key, String(value)));
}

function writeOctal(block: Buffer, at: number, length: number, value: number): void {
  block.write(value.toString(8).padStart(length - 1, "0"), at, length - 1, "latin1");
}

/** Fills in the checksum of a header block that is complete otherwise. */
export function writeChecksum(block: Buffer): void {
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

function paxHeader(data: Buffer): Buffer {
  const block = Buffer.alloc(blockSize);
  block.write("PaxHeaders/entry", 0, "latin1");
  writeOctal(block, 100, 8, 0o644);
  writeOctal(block, 108, 8, 0);
  writeOctal(block, 116, 8, 0);
  writeOctal(block, 124, 12, data.length);
  writeOctal(block, 136, 12, 0);
  block.write("x", 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  writeChecksum(block);
  return Buffer.concat([block, data, tarPadding(data.length)]);
}
