import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { openAttach } from "./attach.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-attach-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A supervisor that does with every data connection what the test says. */
async function supervisor(serve: (socket: Socket) => void): Promise<{ path: string } & AsyncDisposable> {
  const path = join(dir, `${Math.random()}.sock`);
  const server = createServer((socket) => void socket.once("data", () => serve(socket)));
  await new Promise<void>((done) => server.listen(path, done));
  return { path, [Symbol.asyncDispose]: async () => void server.close() };
}

const request = { target: { containerId: "c" }, stdin: false, stdout: true, stderr: true };

/** Listens as the daemon does: by events. */
function textOf(output: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    output.on("data", (chunk: Buffer) => void chunks.push(chunk));
    output.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    output.once("error", reject);
  });
}

test.each([
  ["with the reply", "hello", (socket: Socket) => void socket.end(`{"ok":true}\nhello`)],
  ["with the reply and nothing else", "", (socket: Socket) => void socket.end(`{"ok":true}\n`)],
  [
    "after the reply, nothing else",
    "",
    (socket: Socket) => {
      socket.write(`{"ok":true}\n`);
      setTimeout(() => socket.end(), 5);
    },
  ],
  [
    "after the reply, with a reset",
    "",
    (socket: Socket) => {
      socket.write(`{"ok":true}\n`);
      setTimeout(() => socket.destroy(), 5);
    },
  ],
  [
    "after the reply",
    "hello",
    (socket: Socket) => {
      socket.write(`{"ok":true}\n`);
      setTimeout(() => socket.end("hello"), 5);
    },
  ],
])(
  "openAttach() gives an output and its end that came %s, to a client that listens later",
  async (_when, text, serve) => {
    await using server = await supervisor(serve);
    const streams = await Promise.all(Array.from({ length: 50 }, () => openAttach(server.path, request)));
    await Bun.sleep(50);
    const late = Bun.sleep(3000).then(() => "no end");
    for (const { output } of streams) expect(await Promise.race([textOf(output), late])).toBe(text);
  },
);

test("openAttach() throws what the supervisor refuses", async () => {
  const error = { kind: "notFound", message: "no such process" };
  await using server = await supervisor((socket) => void socket.end(`${JSON.stringify({ ok: false, error })}\n`));
  await expect(openAttach(server.path, request)).rejects.toThrow("no such process");
});
