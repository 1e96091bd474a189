/**
 * How much the build cache may hold, as rules that are followed one after the other. Their words and the defaults are BuildKit's,
 * as dockerd 28.5 shows them in `buildx inspect`.
 */
import type { CacheEntry } from "../builder.ts";

/** What may go, and how much stays. Amounts of 0 are none. */
export interface CacheRule {
  /** Also what images stand on. */
  readonly all: boolean;
  /** Types of entries; none are all of them. */
  readonly types: readonly CacheEntry["type"][];
  /** Only what was not used for that long. */
  readonly unusedForMs: number;
  /** Stays whatever else is said. */
  readonly reservedBytes: number;
  readonly maxUsedBytes: number;
  /** Of the disk. */
  readonly minFreeBytes: number;
}

/** What an engine is told of its cache; what is left out follows the disk's size. */
export interface CacheLimits {
  /** False leaves the cache alone. */
  readonly enabled: boolean;
  readonly reservedBytes?: number;
  readonly maxUsedBytes?: number;
  readonly minFreeBytes?: number;
  /** In place of the usual ones. */
  readonly rules?: readonly CacheRule[];
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

const hourMs = 3_600_000;

/** What is made again most easily: it may have this part, in percent, of what the cache has for sure. */
const easyPercent = 13.8175;

const easy: readonly CacheEntry["type"][] = ["source.local", "exec.cachemount", "source.git.checkout"];

export function cacheRules(limits: CacheLimits, { totalBytes }: Pick<DiskSpace, "totalBytes">): CacheRule[] {
  if (!limits.enabled) return [];
  if (limits.rules !== undefined) return [...limits.rules];
  const part = (percent: number): number => (Math.floor((totalBytes * percent) / 100 / 2 ** 30) + 1) * 1e9;
  const { reservedBytes = part(10), maxUsedBytes = part(80), minFreeBytes = part(20) } = limits;
  const amounts = { reservedBytes, maxUsedBytes, minFreeBytes };
  const easyBytes = Math.round((reservedBytes * easyPercent) / 100);
  return [
    {
      all: false,
      types: easy,
      unusedForMs: 48 * hourMs,
      reservedBytes: 0,
      maxUsedBytes: easyBytes,
      minFreeBytes: 0,
    },
    { all: false, types: [], unusedForMs: 60 * 24 * hourMs, ...amounts },
    { all: false, types: [], unusedForMs: 0, ...amounts },
    { all: true, types: [], unusedForMs: 0, ...amounts },
  ];
}

/** How much of `totalBytes` in the cache a rule lets stay; null where it names no amount, so that nothing has to. */
export function bytesToKeep(
  { reservedBytes, maxUsedBytes, minFreeBytes }: Pick<CacheRule, "reservedBytes" | "maxUsedBytes" | "minFreeBytes">,
  totalBytes: number,
  { freeBytes }: Pick<DiskSpace, "freeBytes">,
): number | null {
  if (reservedBytes === 0 && maxUsedBytes === 0 && minFreeBytes === 0) return null;
  const lacking = Math.max(0, minFreeBytes - freeBytes);
  // What is reserved is all that stays where nothing else is said.
  const most = maxUsedBytes > 0 ? maxUsedBytes : minFreeBytes > 0 ? totalBytes : 0;
  return Math.max(lacking > 0 ? Math.min(most, totalBytes - lacking) : most, reservedBytes);
}

/** Everything that is not in use, whatever its age. */
export const pruneAll: CacheRule = {
  all: true,
  types: [],
  unusedForMs: 0,
  reservedBytes: 0,
  maxUsedBytes: 0,
  minFreeBytes: 0,
};
