import { expect, test } from "bun:test";
import { fuzzCompose } from "../../test/fixtures/compose-fuzz.ts";

test("loadProject() makes a project or tells what is wrong of any file; DHOW_SEED tries other ones", async () => {
  const seed = Number(process.env.DHOW_SEED ?? 1);
  const rounds = Number(process.env.DHOW_ROUNDS ?? 400);
  const outcome = await fuzzCompose({ seed, more: (count) => count < rounds, limitMs: 1000 });
  expect(outcome.failures).toEqual([]);
  expect(outcome.loaded).toBeGreaterThan(rounds / 50);
  expect(outcome.kinds).toBeGreaterThan(rounds / 10);
  expect(Object.keys(Object.prototype)).toEqual([]);
}, 60_000);
