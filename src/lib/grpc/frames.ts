/** Messages on a stream: each behind a flag and its length. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { GrpcError, statusCodes } from "./status.ts";

/** Most bytes of one message, of those that we read and of those that we send; BuildKit's own limit. */
export const maxMessageBytes = 16 << 20;

/** Most bytes of messages that have not come whole, of all streams of one connection. */
const maxUnfinishedBytes = 64 << 20;

/** Each piece of a message costs work: this is how small they may be on the average, beyond some that may be smaller. */
const leastPieceBytes = 64;
const morePieces = 64;

/** Counts them. */
export class Unfinished {
  #bytes = 0;

  /** Throws GrpcError where there would be too many. */
  hold(count: number): void {
    if (this.#bytes + count > maxUnfinishedBytes) {
      throw new GrpcError(statusCodes.resourceExhausted, "too many large messages at once on this connection");
    }
    this.#bytes += count;
  }

  release(count: number): void {
    this.#bytes -= count;
  }
}

/** The messages of a stream, as they come; throws GrpcError for what is none. */
export async function* readFrames(stream: Readable, unfinished: Unfinished): AsyncGenerator<Buffer> {
  const chunks: Buffer[] = [];
  let held = 0;
  let wanted = -1;
  let pieces = 0;
  try {
    // Who stops reading has not stopped the call: its end is still to be told.
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      unfinished.hold(chunk.length);
      held += chunk.length;
      addChunk(chunks, chunk);
      if (++pieces > morePieces + held / leastPieceBytes) {
        throw new GrpcError(statusCodes.resourceExhausted, "a message in too many pieces");
      }
      for (;;) {
        if (wanted < 0) {
          if (held < 5) break;
          const head = takeBytes(chunks, 5);
          held -= 5;
          unfinished.release(5);
          if (head[0] !== 0) throw new GrpcError(statusCodes.unimplemented, "compressed messages are not supported");
          wanted = head.readUInt32BE(1);
          checkSize(wanted, "received");
        }
        if (held < wanted) break;
        const frame = takeBytes(chunks, wanted);
        held -= wanted;
        unfinished.release(wanted);
        wanted = -1;
        pieces = 0;
        yield frame;
      }
    }
    if (held > 0 || wanted >= 0) throw new GrpcError(statusCodes.internal, "a message was cut off");
  } finally {
    unfinished.release(held);
  }
}

/** Chunks that are smaller are put together: each costs more than the bytes that it may have. */
const smallBytes = 8 << 10;

function addChunk(chunks: Buffer[], chunk: Buffer): void {
  let added = chunk;
  // Each with one of its size or less, so that a byte is copied a few times only.
  while (added.length < smallBytes && chunks.length > 0 && chunks.at(-1)!.length <= added.length) {
    added = Buffer.concat([chunks.pop()!, added]);
  }
  chunks.push(added);
}

function takeBytes(chunks: Buffer[], count: number): Buffer {
  if (count === 0) return Buffer.alloc(0);
  const first = chunks[0]!;
  if (first.length > count) {
    chunks[0] = first.subarray(count);
    return first.subarray(0, count);
  }
  if (first.length === count) {
    chunks.shift();
    return first;
  }
  const whole = Buffer.allocUnsafe(count);
  for (let at = 0; at < count; ) {
    const next = chunks[0]!;
    const part = Math.min(next.length, count - at);
    next.copy(whole, at, 0, part);
    at += part;
    if (part === next.length) chunks.shift();
    else chunks[0] = next.subarray(part);
  }
  return whole;
}

function checkSize(size: number, what: string): void {
  if (size <= maxMessageBytes) return;
  throw new GrpcError(
    statusCodes.resourceExhausted,
    `grpc: ${what} message larger than max (${size} vs. ${maxMessageBytes})`,
  );
}

/** Bytes that are written before the event loop has its turn: only there is it seen that the other side reads none of them. */
const turnBytes = 256 << 10;
let writtenInTurn = 0;

/** Writes one message; resolves when the stream takes more. */
export async function writeFrame(stream: Writable, bytes: Uint8Array): Promise<void> {
  checkSize(bytes.length, "trying to send a");
  if (stream.destroyed || stream.writableEnded) throw new GrpcError(statusCodes.unavailable, "the stream is closed");
  const frame = Buffer.allocUnsafe(5 + bytes.length);
  frame[0] = 0;
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, 5);
  const takesMore = stream.write(frame);
  writtenInTurn += frame.length;
  if (writtenInTurn >= turnBytes) {
    writtenInTurn = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (takesMore || !stream.writableNeedDrain) return;
  if (stream.destroyed) throw new GrpcError(statusCodes.unavailable, "the stream was closed");
  const over = new AbortController();
  try {
    await Promise.race([
      once(stream, "drain", { signal: over.signal }),
      once(stream, "close", { signal: over.signal }).then(() => {
        throw new GrpcError(statusCodes.unavailable, "the stream was closed");
      }),
    ]);
  } finally {
    over.abort();
  }
}
