import { expect, test } from "bun:test";
import type { CacheRecord } from "./build-cache.ts";
import { CacheKeeper, type CacheKeeperParts, type KeptDirectories } from "./cache-keeper.ts";
import { type CacheLimits, type CacheRule, pruneAll } from "./cache-rules.ts";

const daysAgo = (days: number): Date => new Date(Date.now() - days * 86_400_000);
const digest = (name: string): `sha256:${string}` => `sha256:${name.padStart(64, "0")}`;

function record(name: string, size: number, days: number): CacheRecord {
  const at = daysAgo(days).toISOString();
  const layer = {
    blob: { mediaType: "", digest: digest(name), size },
    diffId: digest(name),
    chainId: digest(name),
  };
  return { layer, parent: "", description: name, size, createdAt: at, lastUsedAt: at, usageCount: 1 };
}

/** Layers `a` (an image stands on it), `b` and `c`, and a client's directory `d`, each of 10 bytes, the later ones newer. */
function keeper(limits: CacheLimits, freeBytes = 1000) {
  const records = new Map(["a", "b", "c"].map((name, i) => [name, record(name, 10, 100 - i * 30)]));
  const none: KeptDirectories = { list: async () => [], remove: () => false };
  let hasDirectory = true;
  const clients: KeptDirectories = {
    list: async () =>
      hasDirectory ? [{ id: "d", size: 10, inUse: false, createdAt: daysAgo(3), lastUsedAt: daysAgo(3) }] : [],
    remove: () => {
      hasDirectory = false;
      return true;
    },
  };
  const parts: CacheKeeperParts = {
    cache: { entries: () => records, remove: (ids) => ids.forEach((id) => void records.delete(id)) },
    directories: {
      "exec.cachemount": none,
      "source.git.checkout": none,
      "source.http": none,
      "source.local": clients,
    },
    images: {
      isUsedByImage: (chainId) => chainId === digest("a"),
      release: async (layers) => layers.reduce((sum, { blob }) => sum + blob.size, 0),
    },
    disk: () => ({ totalBytes: 2000, freeBytes }),
    limits,
    log: () => {},
  };
  return new CacheKeeper(parts);
}

const rule = (change: Partial<CacheRule>): CacheRule => ({ ...pruneAll, all: false, ...change });

test.each<[string, CacheRule[], number, string[]]>([
  ["an amount takes the oldest, and not what images stand on", [rule({ maxUsedBytes: 20 })], 1000, ["b"]],
  ["all takes that too", [rule({ all: true, maxUsedBytes: 20 })], 1000, ["a", "b"]],
  ["an age takes what is older", [rule({ unusedForMs: 50 * 86_400_000 })], 1000, ["b"]],
  ["a type takes its own", [rule({ types: ["source.local"], maxUsedBytes: 1 })], 1000, ["d"]],
  ["a full disk takes what it lacks, the reserved part apart", [rule({ minFreeBytes: 1015 })], 1000, ["b", "c"]],
  ["what is reserved stays", [rule({ minFreeBytes: 1900, reservedBytes: 20 })], 1000, ["b"]],
  ["a disk with room takes nothing", [rule({ minFreeBytes: 900 })], 1000, []],
  ["rules go one after the other", [rule({ types: ["source.local"] }), rule({ maxUsedBytes: 10 })], 1000, ["d", "b"]],
])("CacheKeeper follows its rules: %s", async (_, rules, free, gone) => {
  expect(await keeper({ enabled: true, rules }, free).follow()).toEqual(gone);
});

test("CacheKeeper leaves a cache alone whose rules are off", async () => {
  expect(await keeper({ enabled: false }).follow()).toEqual([]);
});

test("CacheKeeper prunes what fits, by id or whatever else", async () => {
  const own = keeper({ enabled: false });
  expect((await own.prune({ ...pruneAll, fits: ({ id }) => id === "c" })).ids).toEqual(["c"]);
  expect(await own.prune(pruneAll)).toEqual({ ids: ["a", "b", "d"], bytes: 30 });
});
