/** Output of a process without a terminal as the Engine API sends it: a byte for the stream, three of nothing, the length in four, big-endian. */

const headLength = 8;
const stderr = 2;

export interface StdioFrame {
  readonly stream: "stdout" | "stderr";
  readonly payload: Uint8Array;
}

/** The frames of a stream of bytes, whole; what is cut at its end is dropped. */
export async function* stdioFrames(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<StdioFrame> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    while (held.length >= headLength) {
      const end = headLength + held.readUInt32BE(4);
      if (held.length < end) break;
      yield { stream: held[0] === stderr ? "stderr" : "stdout", payload: held.subarray(headLength, end) };
      held = held.subarray(end);
    }
  }
}
