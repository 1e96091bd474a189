/**
 * The journal's files: segments of lines, each named for the time of its first event, only ever appended to. What is too
 * old, or too much, goes a segment at a time.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { isErrno } from "../linux/syscall-error.ts";
import { decodeLine } from "./line.ts";

export interface SegmentLimits {
  /** A segment that is this large, in bytes, is followed by another. */
  readonly bytes: number;
  /** Nanoseconds after its first event at which a segment is followed by another. */
  readonly span: bigint;
  /** Segments that are kept at most. */
  readonly count: number;
  /** Nanoseconds that events are kept at least, while `count` allows. */
  readonly age: bigint;
}

const hour = 3_600_000_000_000n;

/** A day, and 128 MiB at the most; what is read at once is one chunk. */
export const defaultLimits: SegmentLimits = { bytes: 4 << 20, span: hour, count: 32, age: 24n * hour };

/** A journal that ends further ahead than this was dated by a wrong clock. */
const aheadAtMost = hour;

const chunkSize = 64 << 10;
const newline = 0x0a;
const fileName = /^(\d{20})\.events$/;

export class Segments implements Disposable {
  readonly #directory: string;
  readonly #limits: SegmentLimits;
  /** Times of first events, rising. */
  #starts: bigint[];
  #fd: number | undefined;
  #size = 0;
  /** Time of the newest event that is kept. */
  newest = 0n;

  /** Opens the journal in `directory`, cuts a torn last line off, and drops what a clock far ahead of `now` has dated. */
  constructor(directory: string, now: bigint, limits: SegmentLimits = defaultLimits) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#directory = directory;
    this.#limits = limits;
    const names = readdirSync(directory).sort();
    this.#starts = names.flatMap((name) => (fileName.exec(name)?.slice(1) ?? []).map(BigInt));
    for (let last = this.#starts.at(-1); last !== undefined; last = this.#starts.at(-1)) {
      const newest = this.#mend(last);
      if (newest !== undefined && newest <= now + aheadAtMost) {
        this.newest = newest;
        this.#open(last);
        break;
      }
      this.#drop(this.#starts.pop());
    }
    this.#prune(now);
  }

  /** Appends whole lines, `first` and `last` being the times of their events; all of them or, when it throws, none. */
  append(lines: string, first: bigint, last: bigint): void {
    const started = this.#starts.at(-1);
    const full = this.#size >= this.#limits.bytes || (started !== undefined && first - started >= this.#limits.span);
    if (this.#fd === undefined || full) this.#begin(first);
    const fd = this.#fd;
    if (fd === undefined) throw new Error("the journal has no open segment");
    const bytes = Buffer.from(lines);
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
    } catch (error) {
      ftruncateSync(fd, this.#size);
      throw error;
    }
    this.#size += bytes.length;
    this.newest = last;
  }

  /** Where a reader of what happened at `since` or later begins. */
  cursor(since: bigint): Cursor {
    const at = this.#starts.findLastIndex((start) => start <= since);
    return new Cursor(this.#starts[Math.max(at, 0)] ?? 0n);
  }

  /**
   * The next whole lines after `cursor`, which moves on; null at the journal's end. Segments that went while it was read
   * are passed over.
   */
  read(cursor: Cursor): string[] | null {
    for (;;) {
      const chunk = this.#chunk(cursor);
      if (chunk) return cursor.take(chunk);
      const next = this.#starts.find((start) => start > cursor.segment);
      if (next === undefined) return null;
      cursor.enter(next);
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #path(start: bigint): string {
    return join(this.#directory, `${String(start).padStart(20, "0")}.events`);
  }

  #open(start: bigint): void {
    this[Symbol.dispose]();
    this.#fd = openSync(this.#path(start), "a", 0o600);
    this.#size = fstatSync(this.#fd).size;
  }

  #begin(first: bigint): void {
    this.#open(first);
    this.#starts.push(first);
    this.#prune(first);
  }

  /** The newest event's time of a segment, whose torn end is cut off; undefined when nothing of it can be read. */
  #mend(start: bigint): bigint | undefined {
    const bytes = readFileSync(this.#path(start));
    const whole = bytes.lastIndexOf(newline) + 1;
    if (whole < bytes.length) {
      const fd = openSync(this.#path(start), "r+");
      ftruncateSync(fd, whole);
      closeSync(fd);
    }
    const newest = bytes.subarray(0, whole).toString("utf8").trimEnd().split("\n").findLast(decodeLine);
    return newest === undefined ? undefined : BigInt(decodeLine(newest)?.timeNano ?? 0);
  }

  #prune(now: bigint): void {
    const { age, count } = this.#limits;
    for (;;) {
      const [, second] = this.#starts;
      const outdated = second !== undefined && second < now - age;
      if (!outdated && this.#starts.length <= count) return;
      this.#drop(this.#starts.shift());
    }
  }

  #drop(start: bigint | undefined): void {
    if (start !== undefined) rmSync(this.#path(start), { force: true });
  }

  #chunk(cursor: Cursor): Buffer | undefined {
    let fd: number;
    try {
      fd = openSync(this.#path(cursor.segment), "r");
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
    try {
      const chunk = Buffer.alloc(chunkSize);
      const length = readSync(fd, chunk, 0, chunkSize, cursor.offset);
      return length === 0 ? undefined : chunk.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  }
}

/** A reader's place in the journal. */
export class Cursor {
  offset = 0;
  #rest = Buffer.alloc(0);

  constructor(public segment: bigint) {}

  enter(segment: bigint): void {
    this.segment = segment;
    this.offset = 0;
    this.#rest = Buffer.alloc(0);
  }

  /** The whole lines that `chunk` completes; what is left begins the next one. */
  take(chunk: Buffer): string[] {
    this.offset += chunk.length;
    const bytes = Buffer.concat([this.#rest, chunk]);
    const end = bytes.lastIndexOf(newline) + 1;
    this.#rest = bytes.subarray(end);
    return end === 0
      ? []
      : bytes
          .subarray(0, end - 1)
          .toString("utf8")
          .split("\n");
  }
}
