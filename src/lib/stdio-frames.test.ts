import { expect, test } from "bun:test";
import { stdioFrames } from "./stdio-frames.ts";

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test.each([1, 3, 7, 1000])("frames come whole, however they are cut (%i bytes a piece)", async (size) => {
  const whole = Buffer.concat([frame(1, "out"), frame(2, ""), frame(2, "err or"), frame(1, "cut").subarray(0, 9)]);
  const seen: string[] = [];
  for await (const { stream, payload } of stdioFrames(inPieces(whole, size))) {
    seen.push(`${stream} ${Buffer.from(payload)}`);
  }
  expect(seen).toEqual(["stdout out", "stderr ", "stderr err or"]);
});
