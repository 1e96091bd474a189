/** Compose files of chance, for as long as one likes: no crash, no file that takes a second, no project that its own text does not give. */
import { fuzzCompose } from "../../test/fixtures/compose-fuzz.ts";

export async function composeFiles(minutes: number): Promise<string[]> {
  const end = Date.now() + minutes * 60_000;
  const seed = Number(process.env.DHOW_SEED ?? Date.now() % 2 ** 31);
  const { failures, ...seen } = await fuzzCompose({ seed, more: () => Date.now() < end, limitMs: 1000 });
  console.log(`${JSON.stringify(seen)} from seed ${seed}`);
  return failures.map((failure) => `seed ${failure.seed}: ${failure.what}\n${failure.text}`);
}
