import { expect, test } from "bun:test";
import { insist } from "./insist.ts";

test("insist() tries until it succeeds, after rests that double", async () => {
  const at: number[] = [];
  const why: string[] = [];
  const from = performance.now();
  await insist(
    async () => {
      at.push(performance.now() - from);
      if (at.length < 3) throw new Error(`no ${at.length}`);
    },
    { signal: new AbortController().signal, failed: (message) => why.push(message) },
  );
  expect(why).toEqual(["no 1", "no 2"]);
  expect(at[1]).toBeGreaterThanOrEqual(99);
  expect(at[2]).toBeGreaterThanOrEqual(298);
});

test("insist() ends when it is not wanted any more, and in the middle of a rest when it is aborted", async () => {
  const refuse = (): Promise<void> => Promise.reject(new Error("no"));
  let tries = 0;
  await insist(refuse, { signal: new AbortController().signal, failed: () => tries++, wanted: () => tries < 1 });
  expect(tries).toBe(1);
  const stopped = new AbortController();
  let failures = 0;
  const failed = (): void => void (++failures === 4 && setTimeout(() => stopped.abort(), 5));
  const from = performance.now();
  await insist(refuse, { signal: stopped.signal, failed });
  // After 100, 200 and 400 ms, and before 800 more are over.
  expect(performance.now() - from).toBeLessThan(1400);
});
