import { expect, test } from "bun:test";
import type { CheckLine } from "../../api/system-check.ts";
import { CheckLines } from "./lines.ts";

const found = { kind: "blob", id: "sha256:x", problem: "it is missing", advice: "fetch it" } as const;

async function all(lines: CheckLines, work: Promise<void>): Promise<CheckLine[]> {
  const read: CheckLine[] = [];
  for await (const line of lines.until(work)) read.push(line);
  return read;
}

test("CheckLines repairs only when that is wanted, and tells why a repair failed", async () => {
  let fixed = 0;
  const fix = async () => `fixed ${++fixed}`;
  const looking = new CheckLines(false);
  expect(await looking.finding(found, fix)).toBe(false);
  expect(await all(looking, Promise.resolve())).toMatchObject([{ Finding: { Repaired: false, Action: "fetch it" } }]);
  expect(fixed).toBe(0);
  const repairing = new CheckLines(true);
  expect(await repairing.finding(found, fix)).toBe(true);
  expect(await repairing.finding(found, () => Promise.reject(new Error("no line")))).toBe(false);
  expect(await repairing.finding(found)).toBe(false);
  expect(await all(repairing, Promise.resolve())).toMatchObject([
    { Finding: { Repaired: true, Action: "fixed 1" } },
    { Finding: { Repaired: false, Action: "not repaired: no line" } },
    { Finding: { Repaired: false, Action: "fetch it" } },
  ]);
  expect([repairing.found, repairing.repaired]).toEqual([3, 1]);
});

test("CheckLines gives lines while the work goes on, and throws what ends it", async () => {
  const lines = new CheckLines(false);
  const work = Promise.withResolvers<void>();
  const reader = lines.until(work.promise);
  const first = reader.next();
  await lines.finding(found);
  expect((await first).value).toMatchObject({ Finding: { ID: "sha256:x" } });
  const second = reader.next();
  await lines.finding({ ...found, id: "sha256:y" });
  work.reject(new Error("the disk is gone"));
  expect((await second).value).toMatchObject({ Finding: { ID: "sha256:y" } });
  await expect(reader.next()).rejects.toThrow("the disk is gone");
});

test("CheckLines does not flood its reader with progress", async () => {
  const lines = new CheckLines(false);
  for (let Done = 0; Done < 1000; Done++) lines.progress({ Stage: "blobs", Done, Total: 1000 });
  expect((await all(lines, Promise.resolve())).length).toBeLessThan(10);
});
