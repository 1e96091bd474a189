/** Sparse files: GNU's old header chain and the three pax variants, as "Storing Sparse Files" of the GNU tar manual. */
import { blockSize } from "./entry.ts";
import { invalidHeader, parseNumber } from "./header.ts";
import { type PaxRecords, paxNumber } from "./pax.ts";

/** A run of real data inside the file; all between is a hole. */
export interface SparseSegment {
  readonly offset: number;
  readonly length: number;
}

/** More segments than any honest archive has; a map of millions is an attack on memory. */
export const maxSparseSegments = 100_000;

/** Largest logical size of a sparse file: what ext4 can hold. */
export const maxSparseSize = 16 * 2 ** 40;

/** Reads `count` segments of an old-style header or extension block. */
export function oldSegments(block: Buffer, at: number, count: number, into: SparseSegment[]): void {
  for (let i = 0; i < count; i++) {
    const from = at + i * 24;
    if (block[from] === 0) return;
    into.push({ offset: parseNumber(block, from, 12), length: parseNumber(block, from + 12, 12) });
  }
  if (into.length > maxSparseSegments) throw invalidHeader("sparse map too long");
}

/** The segments that pax records of version 0.0 or 0.1 hold, or `null` where there is no such map. */
export function paxSegments(records: PaxRecords): SparseSegment[] | null {
  const numbers: number[] = [];
  let found = false;
  for (const { key, value } of records) {
    if (key === "GNU.sparse.map") {
      found = true;
      if (value.length > maxSparseSegments * 24) throw invalidHeader("sparse map too long");
      const parts = value.length === 0 ? [] : value.toString("latin1").split(",");
      for (const part of parts) numbers.push(paxNumber(Buffer.from(part)));
    } else if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      found = true;
      if ((numbers.length % 2 === 0) !== (key === "GNU.sparse.offset")) throw invalidHeader("sparse map");
      numbers.push(paxNumber(value));
    }
  }
  return found ? pair(numbers) : null;
}

/** Pairs of offset and length. */
export function pair(numbers: number[]): SparseSegment[] {
  if (numbers.length % 2 !== 0) throw invalidHeader("sparse map");
  const segments: SparseSegment[] = [];
  for (let i = 0; i < numbers.length; i += 2) segments.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 });
  return segments;
}

/** Checks that segments are in order, inside the file, and that exactly `physical` bytes belong to them. */
export function checkSegments(segments: SparseSegment[], size: number, physical: number): void {
  if (segments.length > maxSparseSegments) throw invalidHeader("sparse map too long");
  if (size < 0 || size > maxSparseSize) throw invalidHeader("sparse size");
  let end = 0;
  let total = 0;
  for (const { offset, length } of segments) {
    if (offset < end || length < 0 || !Number.isSafeInteger(offset + length) || offset + length > size) {
      throw invalidHeader("sparse map");
    }
    end = offset + length;
    total += length;
  }
  if (total !== physical) throw invalidHeader("sparse data");
}

/** The map of a member of version 1.0, which its data begins with, filled up to whole blocks. */
export function sparseMap(segments: readonly SparseSegment[]): Buffer {
  const lines = [segments.length, ...segments.flatMap(({ offset, length }) => [offset, length])];
  const text = Buffer.from(lines.map((number) => `${number}\n`).join(""), "latin1");
  return Buffer.concat([text, Buffer.alloc((blockSize - (text.length % blockSize)) % blockSize)]);
}

/** Size of the whole file, from an old GNU header. */
export function oldSize(block: Buffer): number {
  const segments: SparseSegment[] = [];
  const field = Buffer.concat([block.subarray(483, 495), Buffer.alloc(12)]);
  oldSegments(field, 0, 1, segments);
  return segments[0]?.offset ?? 0;
}
