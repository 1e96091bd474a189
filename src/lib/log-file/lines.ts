/** Lines of a log file: cut from chunks, counted from the end, read as entries. */
import { fstatSync, readSync } from "node:fs";
import { fileHead } from "./file-head.ts";
import type { LogRecord } from "./record.ts";

export const readBytes = 64 * 1024;
/** A longer line is no entry of ours. */
const longestLine = 1024 * 1024;

/** Cuts bytes into lines; a line without its end waits for it. Chunks may be used again once they are pushed. */
export class LineReader {
  #parts: Buffer[] = [];
  #length = 0;

  /** Bytes of the line that waits. */
  get waiting(): number {
    return this.#length;
  }

  push(chunk: Buffer): string[] {
    const end = chunk.lastIndexOf(0x0a);
    if (end === -1) {
      if (chunk.length > 0) this.#keep(chunk);
      return [];
    }
    const whole = chunk.subarray(0, end);
    const text = (this.#length === 0 ? whole : Buffer.concat([...this.#parts, whole])).toString("utf8");
    this.reset();
    if (end + 1 < chunk.length) this.#keep(chunk.subarray(end + 1));
    return text.split("\n");
  }

  /** Of a line that is too long only its length is kept. */
  #keep(rest: Buffer): void {
    if (this.#length <= longestLine) this.#parts.push(Buffer.from(rest));
    this.#length += rest.length;
  }

  reset(): void {
    this.#parts = [];
    this.#length = 0;
  }
}

/** Where the last `wanted` entries of an unpacked file begin, and how many there are. */
export function linesFromEnd(fd: number, wanted: number): { offset: number; lines: number } {
  let end = fstatSync(fd).size;
  let newlines = 0;
  const chunk = Buffer.allocUnsafe(readBytes);
  while (end > 0) {
    const from = Math.max(0, end - chunk.length);
    const count = readSync(fd, chunk, 0, end - from, from);
    for (let i = chunk.lastIndexOf(0x0a, count - 1); i !== -1; i = i === 0 ? -1 : chunk.lastIndexOf(0x0a, i - 1)) {
      if (newlines === wanted) return { offset: from + i + 1, lines: wanted };
      newlines++;
    }
    end = from;
  }
  const numbered = fileHead(fd, false).length > 0;
  return { offset: 0, lines: Math.max(0, newlines - (numbered ? 1 : 0)) };
}

/** `null` for what is no entry: a torn line, a block of zeros. */
export function parseRecord(line: string): LogRecord | null {
  try {
    const { log, stream, time, attrs } = JSON.parse(line);
    if (typeof log !== "string" || (stream !== "stdout" && stream !== "stderr") || typeof time !== "string")
      return null;
    return typeof attrs === "object" && attrs !== null ? { log, stream, time, attrs } : { log, stream, time };
  } catch {
    return null;
  }
}
