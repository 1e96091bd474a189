/** The line that begins each file of a log that is delivered elsewhere: `{"file":N}`. Readers of entries skip it. */
import { readSync } from "node:fs";
import { unpackedHead } from "./packed.ts";

const longestLine = 64;

/** The line of a new file whose predecessor had the number `previous`. The clock lets numbers grow over a lost predecessor. */
export function numberLine(previous: number): { number: number; line: string } {
  const number = Math.max(previous + 1, Date.now());
  return { number, line: `{"file":${number}}\n` };
}

/** The number of an open file, 0 when it has none, and how many bytes its line takes. */
export function fileNumber(fd: number, packed: boolean): { number: number; length: number } {
  const head = packed ? unpackedHead(fd) : Buffer.alloc(longestLine);
  const count = packed ? head.length : readSync(fd, head, 0, head.length, 0);
  const match = /^\{"file":(\d{1,15})\}\n/.exec(head.toString("latin1", 0, Math.min(count, longestLine)));
  return match ? { number: Number(match[1]), length: match[0].length } : { number: 0, length: 0 };
}
