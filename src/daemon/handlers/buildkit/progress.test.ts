import { expect, test } from "bun:test";
import { maxMessageBytes } from "../../../lib/grpc/frames.ts";
import { BuildProgress } from "./progress.ts";

const followed = async (progress: BuildProgress): Promise<{ messages: number; largest: number; bytes: number }> => {
  const told = { messages: 0, largest: 0, bytes: 0 };
  for await (const { logs = [] } of progress.follow(new AbortController().signal)) {
    const bytes = logs.reduce((sum, { msg }) => sum + (msg?.length ?? 0), 0);
    told.messages++;
    told.bytes += bytes;
    told.largest = Math.max(told.largest, bytes);
  }
  return told;
};

test("BuildProgress tells much output in messages that may be sent", async () => {
  const progress = new BuildProgress("a");
  for (let step = 0; step < 12; step++) {
    const vertex = progress.vertex(`step ${step}`).start();
    for (let i = 0; i < 8; i++) vertex.log("stdout", new Uint8Array(256 << 10));
  }
  progress.end();
  const told = await followed(progress);
  expect(told.bytes).toBe(24 << 20);
  expect(told.largest).toBeLessThan(maxMessageBytes / 2);
});

test("BuildProgress holds a bounded part of endless output, the newest", async () => {
  const progress = new BuildProgress("a");
  for (let step = 0; step < 100; step++) {
    const vertex = progress.vertex(`step ${step}`).start();
    for (let i = 0; i < 8; i++) vertex.log("stdout", new Uint8Array(256 << 10));
  }
  progress.end();
  const told = await followed(progress);
  expect(told.bytes).toBeGreaterThan(16 << 20);
  expect(told.bytes).toBeLessThan(65 << 20);
});

test("BuildProgress keeps of a build that is over its vertices, and the end of its output", async () => {
  const progress = new BuildProgress("a");
  const vertex = progress.vertex("step").start();
  for (let i = 0; i < 8; i++) vertex.log("stdout", new Uint8Array(256 << 10).fill(i));
  vertex.finish();
  const names: string[] = [];
  const seen: number[] = [];
  for await (const { vertexes = [], logs = [] } of progress.kept().follow(new AbortController().signal)) {
    names.push(...vertexes.map(({ name }) => name!));
    seen.push(...logs.map(({ msg }) => msg![0]!));
  }
  expect(names).toEqual(["step", "step"]);
  expect(seen).toEqual([5, 6, 7]);
});
