/** One 512-byte header block: V7, ustar, star and GNU, as pax(1) and the GNU tar manual ("Basic Tar Format") give them. */
import { invalidArgument } from "../errors.ts";
import { blockSize } from "./entry.ts";

export type HeaderFormat = "v7" | "ustar" | "star" | "gnu";

/** A header block's fields, before extension records change them. */
export interface RawHeader {
  readonly format: HeaderFormat;
  readonly typeflag: string;
  readonly path: Buffer;
  readonly linkPath: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly devMajor: number;
  readonly devMinor: number;
}

/** The error for a block that is no header, in the words Docker's clients see. */
export const invalidHeader = (detail: string): Error => invalidArgument(`archive/tar: invalid tar header (${detail})`);

export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < blockSize; i++) if (block[i] !== 0) return false;
  return true;
}

/** True for bytes that an archive may begin with: a whole header block, whose sum is right. */
export function beginsTar(head: Buffer): boolean {
  if (head.length < blockSize || isZeroBlock(head)) return false;
  try {
    parseHeader(head);
    return true;
  } catch {
    return false;
  }
}

/** Reads one header block; throws `invalidArgument` on a wrong checksum or a number that cannot be. */
export function parseHeader(block: Buffer): RawHeader {
  checkSum(block);
  const format = formatOf(block);
  const rich = format !== "v7";
  return {
    format,
    typeflag: String.fromCharCode(block[156] ?? 0),
    path: pathOf(block, format),
    linkPath: text(block, 157, 100),
    mode: parseNumber(block, 100, 8),
    uid: parseNumber(block, 108, 8),
    gid: parseNumber(block, 116, 8),
    size: parseNumber(block, 124, 12),
    mtime: parseNumber(block, 136, 12),
    devMajor: rich ? parseNumber(block, 329, 8) : 0,
    devMinor: rich ? parseNumber(block, 337, 8) : 0,
  };
}

function formatOf(block: Buffer): HeaderFormat {
  const magic = block.toString("latin1", 257, 265);
  if (magic === "ustar  \0") return "gnu";
  if (magic.startsWith("ustar\0")) return block.toString("latin1", 508, 512) === "tar\0" ? "star" : "ustar";
  return "v7";
}

function pathOf(block: Buffer, format: HeaderFormat): Buffer {
  const name = text(block, 0, 100);
  const prefixLength = format === "ustar" ? 155 : format === "star" ? 131 : 0;
  if (prefixLength === 0 || block[345] === 0) return Buffer.from(name);
  return Buffer.concat([text(block, 345, prefixLength), Buffer.from("/"), name]);
}

function text(block: Buffer, at: number, length: number): Buffer {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end));
}

/** The sum of all bytes with the checksum field as blanks; some old writers summed signed bytes. */
function checkSum(block: Buffer): void {
  const wanted = parseOctal(block, 148, 8);
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < blockSize; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  if (wanted !== unsigned && wanted !== signed) throw invalidHeader("checksum");
}

/** A number in octal digits, or in base 256 when the first bit is set. Exact, or an error. */
export function parseNumber(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0;
  if ((first & 0x80) === 0) return parseOctal(block, at, length);
  const negative = (first & 0x40) !== 0;
  let value = negative ? BigInt(first) - 0x100n : BigInt(first & 0x3f);
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[at + i] ?? 0);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw invalidHeader("number too large");
  return result;
}

function parseOctal(block: Buffer, at: number, length: number): number {
  let i = at;
  let end = at + length;
  const blank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0;
  while (i < end && blank(block[i])) i++;
  while (end > i && blank(block[end - 1])) end--;
  let value = 0;
  for (; i < end; i++) {
    const byte = block[i] ?? 0;
    if (byte === 0) break; // what follows a NUL is left over from a longer number
    if (byte < 0x30 || byte > 0x37) throw invalidHeader("not an octal number");
    value = value * 8 + (byte - 0x30);
  }
  return value;
}
