/** gzip (RFC 1952) of a stream, block by block on the thread pool. Equal bytes give equal bytes, whatever their chunks. */
import { promisify } from "node:util";
import { constants, crc32, deflateRaw } from "node:zlib";

const compress = promisify<Uint8Array, { level: number; finishFlush: number }, Buffer>(deflateRaw);

/** As of RFC 1952, 2.3: deflate, no flags, no time, an unknown system. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
const blockSize = 1 << 20;
const level = 4;
/** Pieces of a block by which it is judged, and how small they must become for it to be worth packing. */
const samples = 4;
const sampleSize = 8192;
const worthwhile = 0.95;
/** Blocks under way at once. */
const parallel = 4;

/** One member: each block ends at a byte's boundary (Z_SYNC_FLUSH), so that blocks follow each other as they are. */
export async function* gzipStream(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield header;
  let crc = 0;
  let length = 0;
  const underWay: Promise<Buffer>[] = [];
  try {
    for await (const block of blocksOf(source)) {
      crc = crc32(block, crc);
      length += block.length;
      underWay.push(packed(block));
      if (underWay.length >= parallel) yield (await underWay.shift()) as Uint8Array;
    }
    for (let next = underWay.shift(); next; next = underWay.shift()) yield await next;
  } finally {
    await Promise.allSettled(underWay);
  }
  yield await compress(new Uint8Array(0), { level, finishFlush: constants.Z_FINISH });
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  yield trailer;
}

/** A block of what is packed already (archives, pictures) is stored as it is: another try costs much and gains nothing. */
async function packed(block: Buffer): Promise<Buffer> {
  const apart = Math.floor(block.length / samples);
  const pieces = Array.from({ length: samples }, (_, i) => block.subarray(i * apart, i * apart + sampleSize));
  const sample = apart > sampleSize ? Buffer.concat(pieces) : block;
  const tried = await compress(sample, { level, finishFlush: constants.Z_SYNC_FLUSH });
  if (sample === block) return tried;
  const isDense = tried.length > sample.length * worthwhile;
  return await compress(block, { level: isDense ? 0 : level, finishFlush: constants.Z_SYNC_FLUSH });
}

/** The bytes in blocks of one size, the last one shorter. */
async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let gathered = Buffer.allocUnsafe(blockSize);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + blockSize - filled);
      gathered.set(taken, filled);
      at += taken.length;
      filled += taken.length;
      if (filled < blockSize) continue;
      yield gathered;
      gathered = Buffer.allocUnsafe(blockSize);
      filled = 0;
    }
  }
  if (filled > 0) yield gathered.subarray(0, filled);
}
