/** Messages on a stream: each behind a flag and its length. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { GrpcError, statusCodes } from "./status.ts";

/** Most bytes of one message, of those that we read and of those that we send; BuildKit's own limit. */
export const maxMessageBytes = 16 << 20;

/** The messages of a stream, as they come; throws GrpcError for what is none. */
export async function* readFrames(stream: Readable): AsyncGenerator<Buffer> {
  const chunks: Buffer[] = [];
  let held = 0;
  let wanted = -1;
  // Who stops reading has not stopped the call: its end is still to be told.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    held += chunk.length;
    for (;;) {
      if (wanted < 0) {
        if (held < 5) break;
        const head = takeBytes(chunks, 5);
        held -= 5;
        if (head[0] !== 0) throw new GrpcError(statusCodes.unimplemented, "compressed messages are not supported");
        wanted = head.readUInt32BE(1);
        checkSize(wanted, "received");
      }
      if (held < wanted) break;
      const frame = takeBytes(chunks, wanted);
      held -= wanted;
      wanted = -1;
      yield frame;
    }
  }
  if (held > 0 || wanted >= 0) throw new GrpcError(statusCodes.internal, "a message was cut off");
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

/** Writes one message; resolves when the stream takes more. */
export async function writeFrame(stream: Writable, bytes: Uint8Array): Promise<void> {
  checkSize(bytes.length, "trying to send a");
  if (stream.destroyed || stream.writableEnded) throw new GrpcError(statusCodes.unavailable, "the stream is closed");
  const frame = Buffer.allocUnsafe(5 + bytes.length);
  frame[0] = 0;
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, 5);
  if (stream.write(frame)) return;
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
