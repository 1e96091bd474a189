import { expect, test } from "bun:test";
import { bytesToKeep, cacheRules } from "./cache-rules.ts";

test("cacheRules() are those of dockerd 28.5 on a disk of that size", () => {
  const rules = cacheRules({ enabled: true }, { totalBytes: 270_553_174_016 });
  const gib = (bytes: number): string => (bytes / 2 ** 30).toPrecision(4);
  expect(rules.map(({ all, unusedForMs }) => [all, unusedForMs / 3_600_000])).toEqual([
    [false, 48],
    [false, 1440],
    [false, 0],
    [true, 0],
  ]);
  expect(gib(rules[0]!.maxUsedBytes)).toBe("3.346");
  expect([rules[3]!.reservedBytes, rules[3]!.maxUsedBytes, rules[3]!.minFreeBytes].map(gib)).toEqual([
    "24.21",
    "188.1",
    "47.50",
  ]);
});

test("cacheRules() are none where the cache is left alone, and what was said where something was", () => {
  const disk = { totalBytes: 1e12 };
  expect(cacheRules({ enabled: false }, disk)).toEqual([]);
  expect(cacheRules({ enabled: true, maxUsedBytes: 5, reservedBytes: 1, minFreeBytes: 0 }, disk)[3]).toMatchObject({
    maxUsedBytes: 5,
    reservedBytes: 1,
    minFreeBytes: 0,
  });
});

test.each([
  [{ reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 }, 10, 100, null],
  [{ reservedBytes: 0, maxUsedBytes: 8, minFreeBytes: 0 }, 10, 100, 8],
  [{ reservedBytes: 0, maxUsedBytes: 8, minFreeBytes: 105 }, 10, 100, 5],
  [{ reservedBytes: 7, maxUsedBytes: 8, minFreeBytes: 105 }, 10, 100, 7],
  [{ reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 105 }, 10, 100, 5],
  [{ reservedBytes: 3, maxUsedBytes: 0, minFreeBytes: 0 }, 10, 100, 3],
  [{ reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 90 }, 10, 100, 10],
])("bytesToKeep() by %p of %p with %p free is %p", (amounts, total, free, kept) => {
  expect(bytesToKeep(amounts, total, { freeBytes: free })).toBe(kept);
});
