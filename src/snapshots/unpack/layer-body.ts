/** The bytes of a layer's archive, whatever they are packed with. */
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { decompress, detectCompression, magicLength } from "../../lib/compression.ts";

/** Feeds the unpacked bytes to `take`; `null` is standard input. A plain file is read without any stream in between. */
export async function eachChunk(
  body: string | null | AsyncIterable<Uint8Array>,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  if (typeof body === "string") {
    const fd = openSync(body, "r");
    try {
      const buffer = Buffer.allocUnsafeSlow(1024 * 1024);
      const first = readSync(fd, buffer, 0, buffer.length, 0);
      if (first >= magicLength && detectCompression(buffer) === "none") {
        for (let length = first, at = 0; length > 0; length = readSync(fd, buffer, 0, buffer.length, at)) {
          take(buffer.subarray(0, length));
          at += length;
        }
        return;
      }
    } finally {
      closeSync(fd);
    }
  }
  const source =
    body === null
      ? Bun.stdin.stream()
      : typeof body === "string"
        ? createReadStream(body, { highWaterMark: 1024 * 1024 })
        : body;
  for await (const chunk of decompress(source as AsyncIterable<Uint8Array>)) take(chunk);
}
