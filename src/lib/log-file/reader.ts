/**
 * Reads a container's log across its rotated files, and follows it. Files are held open while they are read, so that a
 * rotation, or a removal, takes nothing away; entries that do not parse (a torn line, a block of zeros) are skipped.
 */
import { closeSync, fstatSync, readSync } from "node:fs";
import { dropFiles, ensureUnpacked, headOf, type OpenFile, openChain, openNewer } from "./chain.ts";
import { LineReader, linesFromEnd, parseRecord, readBytes } from "./lines.ts";
import type { LogBatch, LogPosition, LogRecord } from "./record.ts";
import { parseNanoseconds } from "./time.ts";
import { watchLog } from "./watch-log.ts";

export interface ReadLogOptions {
  /** Only the last so many entries; absent or negative is all. */
  readonly tail?: number;
  /** Nanoseconds since the epoch, inclusive; absent is no bound. */
  readonly since?: bigint;
  readonly until?: bigint;
  readonly follow?: boolean;
  /** Begins here; where that file is gone, with the oldest that is left. Not together with `tail`. */
  readonly from?: LogPosition;
  /** Both are wanted when absent. */
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Aborted when nothing more will be written: a follower then reads to the end and stops. */
  readonly ended?: AbortSignal;
}

/**
 * Yields entries, oldest first, as many at once as one read finds. A log that does not exist is empty. `signal` stops at once,
 * without an error.
 */
export async function* readLog(path: string, options: ReadLogOptions, signal: AbortSignal): AsyncGenerator<LogBatch> {
  const watcher = options.follow ? watchLog(path) : null;
  const stops = [signal, options.ended].filter((each) => each !== undefined);
  const wake = (): void => watcher?.wake();
  for (const stop of stops) stop.addEventListener("abort", wake);
  const untilTimer = options.follow && options.until !== undefined ? wakeAt(options.until, wake) : null;
  const files: OpenFile[] = [];
  try {
    files.push(...openChain(path));
    await skipUnwanted(path, files, options, signal);
    const lines = new LineReader();
    for (;;) {
      // Read before the drain, so that what was written before the end is still read.
      const last = !options.follow || options.ended?.aborted || isPast(options.until);
      for await (const batch of drain(path, files, lines, options.follow === true, signal)) {
        if (signal.aborted) return;
        const { records, isOver } = select(batch.records, options);
        yield { ...batch, records };
        if (isOver) return;
      }
      if (last || signal.aborted) return;
      await watcher?.changed();
      if (signal.aborted) return;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
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

/** The entries that are asked for; `isOver` at the first one past `until`. */
function select(records: readonly LogRecord[], options: ReadLogOptions) {
  const { since, until, stdout = true, stderr = true } = options;
  if (since === undefined && until === undefined && stdout && stderr) return { records, isOver: false };
  const selected: LogRecord[] = [];
  for (const record of records) {
    if (!(record.stream === "stdout" ? stdout : stderr)) continue;
    const at = parseNanoseconds(record.time);
    if (at === null || (since !== undefined && at < since)) continue;
    if (until !== undefined && at > until) return { records: selected, isOver: true };
    selected.push(record);
  }
  return { records: selected, isOver: false };
}

/** A file's time lags behind its entries by one of the kernel's ticks. */
const slackMs = 1000;

/** Leaves what need not be read: by position, by age, by count. */
async function skipUnwanted(
  path: string,
  files: OpenFile[],
  { from, since, tail }: ReadLogOptions,
  signal: AbortSignal,
): Promise<void> {
  if (from) {
    dropFiles(files, (file) => headOf(file).number >= from.file);
    const first = files[0];
    if (first && headOf(first).number === from.file) Object.assign(first, { offset: from.offset, entry: from.entry });
  }
  if (since !== undefined) {
    const oldest = Number(since / 1_000_000n) - slackMs;
    dropFiles(files, (file, index) => index === files.length - 1 || file.modified >= oldest);
  }
  if (tail !== undefined && tail >= 0) await skipToTail(path, files, tail, signal);
}

/** Moves the files' offsets so that `count` entries are left, and drops files that have none of them. */
async function skipToTail(path: string, files: OpenFile[], count: number, signal: AbortSignal): Promise<void> {
  let wanted = count;
  for (let i = files.length - 1; i >= 0; i--) {
    if (wanted === 0 && i < files.length - 1) {
      dropFiles(files, (_, index) => index > i);
      return;
    }
    const file = files[i] as OpenFile;
    await ensureUnpacked(file, path, signal);
    const found = wanted === 0 ? null : linesFromEnd(file.fd, wanted);
    file.offset = found ? found.offset : fstatSync(file.fd).size;
    wanted -= found?.lines ?? 0;
  }
}

/** Entries from the held files to the present end of the newest; those read to their end are closed. */
async function* drain(
  path: string,
  files: OpenFile[],
  lines: LineReader,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<LogBatch> {
  for (;;) {
    // Looked for before reading: what is opened here cannot rotate away unread.
    if (follow) openNewer(path, files);
    const file = files[0];
    if (!file) return;
    await ensureUnpacked(file, path, signal);
    let head = headOf(file);
    const chunk = Buffer.allocUnsafe(readBytes);
    for (;;) {
      const count = readSync(file.fd, chunk, 0, chunk.length, file.offset);
      if (count === 0) break;
      const cut = lines.push(chunk.subarray(0, count));
      if (file.offset === 0) {
        // An empty file gets its head together with its first entries.
        head = headOf(file);
        file.entry = head.entry - (head.length > 0 ? 1 : 0);
      }
      const first = Math.max(file.entry, head.entry);
      file.offset += count;
      file.entry += cut.length;
      const records: LogRecord[] = [];
      for (const line of cut) {
        const record = parseRecord(line);
        if (record) records.push(record);
      }
      if (follow) openNewer(path, files);
      yield { records, first, file: head.number, offset: file.offset - lines.waiting, entry: file.entry };
    }
    const next = files[1];
    if (!next) return;
    closeSync(file.fd);
    files.shift();
    lines.reset();
    const { number, entry } = headOf(next);
    if (number > 0) yield { records: [], first: entry, file: number, offset: 0, entry };
  }
}
