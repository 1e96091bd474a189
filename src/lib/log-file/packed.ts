/**
 * Rotated files, packed with gzip. The header of each names the inode of the file it was made from, so that a reader that holds
 * that file open knows it again; any gzip reads them.
 */
import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { pipeline } from "node:stream/promises";
import { inodeOf, openIfThere } from "./if-there.ts";

/** Loaded by what packs or unpacks: it would cost every supervisor 2.5 MB. */
const zlib = () => process.getBuiltinModule("node:zlib");

/** RFC 1952, 2.3: magic, deflate, FEXTRA, no time, no flags, Unix; then one extra field `DH` of 8 bytes. */
const headerBytes = 24;
const extraField = Buffer.from("DH");

function header(inode: number): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.set([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3], 0);
  bytes.writeUInt16LE(headerBytes - 12, 10);
  extraField.copy(bytes, 12);
  bytes.writeUInt16LE(8, 14);
  bytes.writeBigUInt64LE(BigInt(inode), 16);
  return bytes;
}

/** The inode that the file was made from; 0 when it was not packed here. */
export function packedFrom(fd: number): number {
  const bytes = Buffer.alloc(headerBytes);
  const count = readSync(fd, bytes, 0, headerBytes, 0);
  if (count < headerBytes || !bytes.subarray(12, 14).equals(extraField)) return 0;
  return Number(bytes.readBigUInt64LE(16));
}

/** The first bytes of what is packed in `fd`; none of what is damaged. */
export function unpackedHead(fd: number): Buffer {
  const bytes = Buffer.alloc(4096);
  const count = readSync(fd, bytes, 0, bytes.length, 0);
  try {
    return zlib().gunzipSync(bytes.subarray(0, count), { finishFlush: zlib().constants.Z_SYNC_FLUSH });
  } catch (error) {
    if (isDamage(error)) return Buffer.alloc(0);
    throw error;
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}

/**
 * Unpacks `fd`, which stays open, into a file without a name beside `path`; returns its descriptor. Of a damaged file there is
 * what comes before the damage.
 */
export async function unpack(fd: number, path: string, signal: AbortSignal): Promise<number> {
  const name = `${path}.unpacked-${process.pid}-${fd}`;
  const out = openSync(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    unlinkSync(name);
    await pipeline(chunksOf(fd), zlib().createGunzip(), (chunks) => writeAll(chunks, out), { signal }).catch(
      (error: unknown) => {
        if (!isDamage(error)) throw error;
      },
    );
    return out;
  } catch (error) {
    closeSync(out);
    throw error;
  }
}

const chunkBytes = 256 * 1024;

/** A read stream would close the descriptor when the pipeline fails, whatever it is told (Bun 1.4.5). */
async function* chunksOf(fd: number): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const count = readSync(fd, chunk, 0, chunk.length, at);
    if (count === 0) return;
    at += count;
    yield chunk.subarray(0, count);
  }
}

async function writeAll(chunks: AsyncIterable<Uint8Array>, fd: number): Promise<void> {
  for await (const chunk of chunks) for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
}

/** One at a time in a process: a flood into many logs must not take every core. */
let last: Promise<void> = Promise.resolve();

/** Packs every rotated file of the log at `path` that is not packed yet, oldest first. Never fails: such a file stays as it is. */
export function packRotated(path: string, maxFile: number): Promise<void> {
  last = last.then(async () => {
    for (let i = maxFile - 1; i >= 1; i--) await packOne(path, `${path}.${i}`, maxFile).catch(() => {});
  });
  return last;
}

async function packOne(path: string, name: string, maxFile: number): Promise<void> {
  const source = openIfThere(name);
  if (source === null) return;
  const packed = `${path}.gz.new`;
  try {
    const { ino, size, atime, mtime } = fstatSync(source);
    const out = openSync(
      packed,
      constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
      0o640,
    );
    try {
      writeSync(out, header(ino));
      let sum = 0;
      const summed = async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          sum = zlib().crc32(chunk, sum);
          yield chunk;
        }
      };
      // The fastest level: packing must keep up with a container that floods its log.
      await pipeline(
        chunksOf(source),
        summed,
        zlib().createDeflateRaw({ level: 1 }),
        (chunks: AsyncIterable<Uint8Array>) => writeAll(chunks, out),
      );
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(sum, 0);
      trailer.writeUInt32LE(size % 2 ** 32, 4);
      writeSync(out, trailer);
      futimesSync(out, atime, mtime);
    } finally {
      closeSync(out);
    }
    putInPlace(path, ino, packed, maxFile);
  } finally {
    closeSync(source);
    rmSync(packed, { force: true });
  }
}

/** Rotations may have moved the file on, or out, meanwhile. Either the plain or the packed file has the name at each instant. */
function putInPlace(path: string, inode: number, packed: string, maxFile: number): void {
  for (let i = 1; i < maxFile; i++) {
    if (inodeOf(`${path}.${i}`) !== inode) continue;
    renameSync(packed, `${path}.${i}.gz`);
    unlinkSync(`${path}.${i}`);
    return;
  }
}
