import { readFileSync } from "node:fs";
import { FFIType, openLibc } from "./libc.ts";

const MADV_DONTNEED = 4;
/** Less CPU than this in an interval is standing still. */
const idleMicroseconds = 30_000;
/** Less CPU than this since the last trim is not worth another one. */
const workMicroseconds = 100_000;

/**
 * Gives memory back whenever this process, a long-lived role, has worked and now stands still: a full collection, and
 * the pages of the program's own text, which the kernel maps by neighbourhood and which come back from the page cache
 * when they are needed (seen: 15 ms for the trim; the next request takes some 10 ms more, once).
 */
export function trimWhenIdle({ intervalMs = 15_000 } = {}): void {
  let last = cpuTime();
  let trimmedAt = 0;
  const timer = setInterval(() => {
    const now = cpuTime();
    const idle = now - last < idleMicroseconds;
    last = now;
    if (!idle || now - trimmedAt < workMicroseconds) return;
    trim();
    trimmedAt = last = cpuTime();
  }, intervalMs);
  timer.unref();
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function trim(): void {
  Bun.gc(true);
  // Opened here, because most processes of this program never trim.
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
