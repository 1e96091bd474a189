/**
 * The line that begins each file of a log that is delivered elsewhere: `{"file":N,"entry":M}`, its number and how many entries
 * were written before it. Readers of entries skip it.
 */
import { readSync } from "node:fs";
import { unpackedHead } from "./packed.ts";

export interface FileHead {
  /** 0 when the file has no such line. */
  readonly number: number;
  readonly entry: number;
  /** Bytes of the line. */
  readonly length: number;
}

const longestLine = 64;

/** The line of a new file whose predecessor had the number `previous`. The clock lets numbers grow over a lost predecessor. */
export function headLine(previous: number, entry: number): { number: number; line: string } {
  const number = Math.max(previous + 1, Date.now());
  return { number, line: `{"file":${number},"entry":${entry}}\n` };
}

export function fileHead(fd: number, packed: boolean): FileHead {
  const head = packed ? unpackedHead(fd) : Buffer.alloc(longestLine);
  const count = packed ? head.length : readSync(fd, head, 0, head.length, 0);
  const match = /^\{"file":(\d{1,15}),"entry":(\d{1,15})\}\n/.exec(
    head.toString("latin1", 0, Math.min(count, longestLine)),
  );
  if (!match) return { number: 0, entry: 0, length: 0 };
  return { number: Number(match[1]), entry: Number(match[2]), length: match[0].length };
}
