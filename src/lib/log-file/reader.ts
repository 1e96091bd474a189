/**
 * Reads a container's log across its rotated files, and follows it. Files are held open while they are read, so that a
 * rotation, or a removal, takes nothing away; entries that do not parse (a torn line, a block of zeros) are skipped.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { IN_CREATE, IN_MODIFY, IN_MOVED_FROM, IN_MOVED_TO, watch } from "../../linux/inotify.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import type { LogRecord } from "./record.ts";
import { parseNanoseconds } from "./time.ts";

export interface ReadLogOptions {
  /** Only the last so many entries; absent or negative is all. */
  readonly tail?: number;
  /** Nanoseconds since the epoch, inclusive; absent is no bound. */
  readonly since?: bigint;
  readonly until?: bigint;
  readonly follow?: boolean;
  /** Both are wanted when absent. */
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Aborted when nothing more will be written: a follower then reads to the end and stops. */
  readonly ended?: AbortSignal;
}

const readBytes = 64 * 1024;
/** A longer line is no entry of ours. */
const longestLine = 1024 * 1024;

interface OpenFile {
  readonly fd: number;
  readonly inode: number;
  offset: number;
}

/** Yields entries, oldest first. A log that does not exist is empty. `signal` stops at once, without an error. */
export async function* readLog(path: string, options: ReadLogOptions, signal: AbortSignal): AsyncGenerator<LogRecord> {
  const files = openChain(path);
  const watcher = options.follow ? watchLog(path) : null;
  const stops = [signal, options.ended].filter((each) => each !== undefined);
  const wake = (): void => watcher?.wake();
  for (const stop of stops) stop.addEventListener("abort", wake);
  const untilTimer = options.follow && options.until !== undefined ? wakeAt(options.until, wake) : null;
  try {
    if (options.tail !== undefined && options.tail >= 0) skipToTail(files, options.tail);
    const lines = new LineReader();
    for (;;) {
      // Read before the drain, so that what was written before the end is still read.
      const last = !options.follow || options.ended?.aborted || isPast(options.until);
      for (const line of drain(path, files, lines, options.follow === true)) {
        if (signal.aborted) return;
        const record = parseRecord(line);
        if (!record || !isWanted(record, options)) continue;
        if (options.until !== undefined && record.nanoseconds > options.until) return;
        yield record;
      }
      if (last || signal.aborted) return;
      await watcher?.changed();
      if (signal.aborted) return;
    }
  } finally {
    for (const stop of stops) stop.removeEventListener("abort", wake);
    if (untilTimer) clearTimeout(untilTimer);
    watcher?.[Symbol.dispose]();
    for (const { fd } of files) closeSync(fd);
  }
}

function isPast(until: bigint | undefined): boolean {
  return until !== undefined && BigInt(Date.now()) * 1_000_000n > until;
}

function wakeAt(until: bigint, wake: () => void): Timer {
  const wait = Number(until / 1_000_000n) - Date.now() + 1;
  return setTimeout(wake, Math.min(Math.max(wait, 0), 0x7fffffff));
}

function isWanted(record: LogRecord, options: ReadLogOptions): boolean {
  if (options.since !== undefined && record.nanoseconds < options.since) return false;
  return record.stream === "stdout" ? options.stdout !== false : options.stderr !== false;
}

function openFile(path: string): OpenFile | null {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    return { fd, inode: fstatSync(fd).ino, offset: 0 };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

function inodeOf(path: string): number | null {
  try {
    return statSync(path).ino;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** Opens all files, oldest first; starts again when a rotation happens meanwhile. */
function openChain(path: string): OpenFile[] {
  for (let attempt = 0; ; attempt++) {
    const files: OpenFile[] = [];
    for (let i = 0; ; i++) {
      const file = openFile(i === 0 ? path : `${path}.${i}`);
      if (!file && i > 0) break;
      if (file) files.unshift(file);
    }
    const newest = files.at(-1);
    const distinct = new Set(files.map((file) => file.inode)).size === files.length;
    if (attempt >= 20 || (distinct && (newest?.inode ?? null) === inodeOf(path))) return files;
    for (const { fd } of files) closeSync(fd);
  }
}

/** Adds the files that rotations put after the newest one held. */
function openNewer(path: string, files: OpenFile[]): void {
  const newest = files.at(-1);
  const current = openFile(path);
  if (!current) return;
  if (current.inode === newest?.inode) {
    closeSync(current.fd);
    return;
  }
  const newer = [current];
  for (let i = 1; newest; i++) {
    const file = openFile(`${path}.${i}`);
    if (!file) break;
    if (file.inode === newest.inode || newer.some((each) => each.inode === file.inode)) {
      closeSync(file.fd);
      if (file.inode === newest.inode) break;
      continue;
    }
    newer.unshift(file);
  }
  files.push(...newer);
}

/** Lines from the held files to the present end of the newest; those read to their end are closed. */
function* drain(path: string, files: OpenFile[], lines: LineReader, follow: boolean): Generator<Buffer> {
  for (;;) {
    // Looked for before reading: what is opened here cannot rotate away unread.
    if (follow) openNewer(path, files);
    const file = files[0];
    if (!file) return;
    let more = true;
    while (more) {
      const chunk = Buffer.allocUnsafe(readBytes);
      const count = readSync(file.fd, chunk, 0, chunk.length, file.offset);
      more = count > 0;
      file.offset += count;
      yield* lines.push(chunk.subarray(0, count));
      if (follow && more) openNewer(path, files);
    }
    if (files.length === 1) return;
    closeSync(file.fd);
    files.shift();
    lines.reset();
  }
}

/** Cuts bytes into lines; a line without its end waits for it. */
class LineReader {
  #parts: Buffer[] = [];
  #length = 0;

  *push(chunk: Buffer): Generator<Buffer> {
    let from = 0;
    for (let newline = chunk.indexOf(0x0a); newline !== -1; newline = chunk.indexOf(0x0a, from)) {
      const piece = chunk.subarray(from, newline);
      from = newline + 1;
      const line = this.#length === 0 ? piece : Buffer.concat([...this.#parts, piece]);
      this.reset();
      yield line;
    }
    const rest = chunk.subarray(from);
    if (rest.length === 0 || this.#length > longestLine) return;
    this.#parts.push(rest);
    this.#length += rest.length;
  }

  reset(): void {
    this.#parts = [];
    this.#length = 0;
  }
}

/** Moves the files' offsets so that `count` lines are left, and closes files that have none of them. */
function skipToTail(files: OpenFile[], count: number): void {
  let wanted = count;
  for (let i = files.length - 1; i >= 0; i--) {
    const file = files[i] as OpenFile;
    const found = wanted === 0 ? null : linesFromEnd(file.fd, wanted);
    file.offset = found ? found.offset : fstatSync(file.fd).size;
    wanted -= found?.lines ?? 0;
  }
}

/** Where the last `wanted` complete lines of a file begin, and how many there are. */
function linesFromEnd(fd: number, wanted: number): { offset: number; lines: number } {
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
  return { offset: 0, lines: newlines };
}

function parseRecord(line: Buffer): LogRecord | null {
  try {
    const { log, stream, time } = JSON.parse(line.toString("utf8"));
    if (typeof log !== "string" || (stream !== "stdout" && stream !== "stderr")) return null;
    const nanoseconds = parseNanoseconds(String(time));
    return nanoseconds === null ? null : { log, stream, time, nanoseconds };
  } catch {
    return null;
  }
}

interface LogWatcher extends Disposable {
  changed(): Promise<void>;
  wake(): void;
}

/** Watches the log's directory, because the file may be renamed away or not exist yet. */
function watchLog(path: string): LogWatcher {
  const inotify = watch(dirname(path), IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO);
  let woken = Promise.withResolvers<void>();
  return {
    changed: async () => {
      await Promise.race([inotify.changed(), woken.promise]);
      woken = Promise.withResolvers<void>();
    },
    wake: () => woken.resolve(),
    [Symbol.dispose]: () => inotify[Symbol.dispose](),
  };
}
