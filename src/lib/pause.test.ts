import { expect, test } from "bun:test";
import { pause } from "./pause.ts";

test("pause() ends with its time, and at once when its signal is aborted before or meanwhile", async () => {
  const from = performance.now();
  await pause(10, new AbortController().signal);
  expect(performance.now() - from).toBeGreaterThanOrEqual(9);
  const controller = new AbortController();
  const waiting = pause(60_000, controller.signal);
  controller.abort();
  await waiting;
  await pause(60_000, controller.signal);
});
