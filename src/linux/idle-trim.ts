import { readFileSync } from "node:fs";
import { FFIType, openLibc } from "./libc.ts";

const MADV_DONTNEED = 4;
/** Less CPU than this in an interval is standing still. */
const idleMicroseconds = 30_000;
/** Less CPU than this since the last collection is not worth another one. */
const workMicroseconds = 100_000;

/**
 * Gives memory back whenever this process, a long-lived role, has worked and now stands still: soon a full collection, and
 * after a long rest the pages of the program's own text as well. The kernel maps those by neighbourhood, and they come
 * back from the page cache when they are needed: the first request after such a rest takes some 10 ms more.
 */
export function trimWhenIdle({ intervalMs = 15_000, restMs = 45_000 } = {}): void {
  let last = cpuTime();
  let workedAt = performance.now();
  let collectedAt = 0;
  let rested = false;
  const timer = setInterval(() => {
    const now = cpuTime();
    const idle = now - last < idleMicroseconds;
    last = now;
    if (!idle) {
      workedAt = performance.now();
      rested = false;
      return;
    }
    if (now - collectedAt > workMicroseconds) {
      Bun.gc(true);
      collectedAt = last = cpuTime();
    }
    if (!rested && performance.now() - workedAt > restMs) {
      dropText();
      rested = true;
    }
  }, intervalMs);
  timer.unref();
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function dropText(): void {
  // Opened here, because most processes of this program never rest.
  const libc = openLibc({ madvise: { args: [FFIType.u64, FFIType.u64, FFIType.i32], returns: FFIType.i32 } });
  // Locked pages refuse (EINVAL): they then stay, which harms nothing.
  for (const { start, length } of textMappings()) libc.madvise(start, length, MADV_DONTNEED);
}

/** Executable, read-only mappings of this program's file: clean by nature, so that dropping them loses nothing. */
function textMappings(): { start: bigint; length: bigint }[] {
  return readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [range = "", mode, , , , path] = line.split(/\s+/);
      if (mode !== "r-xp" || path !== process.execPath) return [];
      const [start, end] = range.split("-").map((hex) => BigInt(`0x${hex}`));
      return start === undefined || end === undefined ? [] : [{ start, length: end - start }];
    });
}
