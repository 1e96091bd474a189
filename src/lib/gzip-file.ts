/**
 * gzip (RFC 1952) of a file, block by block. Equal bytes give equal bytes. New memory costs more here than reading, checking and
 * sending what it holds, for the kernel clears it page by page: a block lies in one buffer from the file to the caller.
 */
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, crc32, deflateRaw, deflateRawSync } from "node:zlib";

interface Deflate {
  readonly level: number;
  readonly finishFlush: number;
  /** Of the output, in bytes: the thread pool is entered anew for each. */
  readonly chunkSize: number;
}

const compress = promisify<Uint8Array, Deflate, Buffer>(deflateRaw);

/** As of RFC 1952, 2.3: deflate, no flags, no time, an unknown system. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
const level = 4;
/** The longest piece that deflate has for what is not packed (RFC 1951, 3.2.4), and the bytes in front of each. */
const pieceSize = 0xffff;
const pieceHeaderSize = 5;
const stride = pieceHeaderSize + pieceSize;
const piecesOfBlock = 16;
/** Pieces of a block by which it is judged, how much of each, and how small that must become for the block to be worth packing. */
const samples = [0, 4, 8, 12];
const sampleSize = 4096;
const worthwhile = 0.95;
/** Blocks under way at once. */
const parallel = 4;

/** One member: each block ends at a byte's boundary, so that blocks follow each other as they are. */
export async function* gzipFile(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, "r");
  yield header;
  let crc = 0;
  let length = 0;
  const free: Buffer[] = [];
  const underWay: Promise<Buffer>[] = [];
  try {
    for (;;) {
      const buffer = free.pop() ?? Buffer.allocUnsafe(piecesOfBlock * stride);
      const pieces = await readPieces(file, buffer, length);
      for (const piece of pieces) {
        crc = crc32(piece, crc);
        length += piece.length;
      }
      if (pieces.length > 0)
        underWay.push(isDense(pieces) ? Promise.resolve(stored(buffer, pieces)) : packed(buffer, pieces, free));
      const isLast = pieces.length < piecesOfBlock;
      while (underWay.length >= (isLast ? 1 : parallel)) yield (await underWay.shift()) as Buffer;
      if (isLast) break;
    }
  } finally {
    await Promise.allSettled(underWay);
  }
  yield await compress(new Uint8Array(0), { level, finishFlush: constants.Z_FINISH, chunkSize: 1024 });
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  yield trailer;
}

/** The next block in pieces, with room in front of each; fewer than a block's only at the end of the file. */
async function readPieces(file: FileHandle, block: Buffer, position: number): Promise<Buffer[]> {
  const room = Array.from({ length: piecesOfBlock }, (_, i) =>
    block.subarray(i * stride + pieceHeaderSize, (i + 1) * stride),
  );
  let filled = 0;
  for (;;) {
    const rest = room.map((piece, i) => piece.subarray(Math.min(pieceSize, Math.max(0, filled - i * pieceSize))));
    const { bytesRead } = await file.readv(
      rest.filter((piece) => piece.length > 0),
      position + filled,
    );
    filled += bytesRead;
    if (bytesRead === 0 || filled === piecesOfBlock * pieceSize) break;
  }
  return room
    .map((piece, i) => piece.subarray(0, Math.max(0, filled - i * pieceSize)))
    .filter((piece) => piece.length > 0);
}

/** True for what is packed already (archives, pictures): another try costs much and gains nothing. */
function isDense(pieces: readonly Buffer[]): boolean {
  if (pieces.length < piecesOfBlock) return false;
  const sample = Buffer.concat(samples.map((i) => pieces[i]!.subarray(0, sampleSize)));
  const tried = deflateRawSync(sample, {
    level: 1,
    finishFlush: constants.Z_SYNC_FLUSH,
    chunkSize: sample.length + 1024,
  });
  return tried.length > sample.length * worthwhile;
}

/** Deflate's form of bytes as they are; the headers go where room was left for them. */
function stored(block: Buffer, pieces: readonly Buffer[]): Buffer {
  let at = 0;
  for (const { length } of pieces) {
    block[at] = 0;
    block.writeUInt16LE(length, at + 1);
    block.writeUInt16LE(~length & 0xffff, at + 3);
    at += pieceHeaderSize + length;
  }
  return block.subarray(0, at);
}

/** Packed on the thread pool; its buffer is free then. */
async function packed(block: Buffer, pieces: readonly Buffer[], free: Buffer[]): Promise<Buffer> {
  let length = 0;
  for (const piece of pieces) {
    block.copyWithin(length, piece.byteOffset - block.byteOffset, piece.byteOffset - block.byteOffset + piece.length);
    length += piece.length;
  }
  const bytes = block.subarray(0, length);
  const result = await compress(bytes, { level, finishFlush: constants.Z_SYNC_FLUSH, chunkSize: length + 1024 });
  free.push(block);
  return result;
}
