import { expect, test } from "bun:test";
import type { Client } from "../../client/client.ts";
import { type HookOutput, runHooks } from "./hooks.ts";

/** A client whose execs write the frames and end with the code. */
function clientOf(frames: readonly Buffer[], code: number): Client {
  const left = [...frames];
  const stream = { read: async () => left.shift() ?? null, close() {} };
  return {
    json: async () => ({ Id: "e", Running: false, ExitCode: code }),
    hijack: async () => ({ stream }),
  } as unknown as Client;
}

function frame(stream: 1 | 2, text: string): Buffer {
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

function recorder() {
  const heard: string[] = [];
  const output: HookOutput = {
    write: (bytes, stream) => heard.push(`${stream} ${Buffer.from(bytes).toString()}`),
    end: () => heard.push("end"),
  };
  return { heard, output };
}

test("runHooks() passes what hooks write on, by stream, however it is cut, and ends the output once", async () => {
  const bytes = Buffer.concat([frame(1, "one\n"), frame(2, "two\n")]);
  const { heard, output } = recorder();
  const client = clientOf([bytes.subarray(0, 5), bytes.subarray(5, 17), bytes.subarray(17)], 0);
  await runHooks(client, "c", [{ command: ["a"] }, { command: ["b"] }], "web post-start", output);
  expect(heard).toEqual(["stdout one\n", "stderr two\n", "end"]);
});

test("runHooks() names the failed hook's code, and ends the output then too", async () => {
  const { heard, output } = recorder();
  const failing = runHooks(clientOf([], 3), "c", [{ command: ["a"] }], "web post-start", output);
  expect(failing).rejects.toThrow("web post-start hook exited with status 3");
  await failing.catch(() => {});
  expect(heard).toEqual(["end"]);
});
