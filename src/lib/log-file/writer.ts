/**
 * Appends a process's output to a log in Docker's json-file format: one JSON object a line, `log`, `stream`, `time`.
 * Lines longer than 16 KiB are logged in parts, of which only the last ends with a newline.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { failPoint } from "../fail-point.ts";
import { type FileHead, fileHead, headLine } from "./file-head.ts";
import { openIfThere, renameIfThere } from "./if-there.ts";
import { packRotated } from "./packed.ts";
import { readDelivered } from "./position.ts";
import { quote, renderAttrs } from "./spelling.ts";
import { formatNanoseconds } from "./time.ts";

export const longestPart = 16 * 1024;
/** How often a log without room looks whether there is some. */
const roomPollMs = 50;
/** What is written without looking. */
const turnBytes = 4096;

export interface LogWriterOptions {
  readonly path: string;
  /** Bytes after which a file is rotated away; 0 is never. */
  readonly maxSize: number;
  /** How many files are kept, the current one included. */
  readonly maxFile: number;
  /** Packs rotated files. */
  readonly compress?: boolean;
  /** Said with each entry. */
  readonly attrs?: Readonly<Record<string, string>>;
  /** The file that tells how far the log has been delivered elsewhere. The log's files are numbered then. */
  readonly position?: string;
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint;
  /** Hears when the disk begins to refuse entries, and why; and when it takes them again, how many were lost between. */
  readonly onLoss?: (loss: LogLoss) => void;
}

export interface LogLoss {
  readonly lost: number;
  /** Null when it is over. */
  readonly why: string | null;
}

export type LogStream = "stdout" | "stderr";

/**
 * Writes are synchronous; one that the disk refuses is dropped and counted, the next one is tried again. A rotation that is refused
 * loses nothing: the present file grows beyond its limit until one succeeds.
 */
export class LogWriter implements Disposable {
  #options: LogWriterOptions;
  readonly #pending: Record<LogStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  readonly #attrs: string;
  #fd: number;
  #size: number;
  #number = 0;
  /** Written before the next one, of a log that is delivered. */
  #entries = 0;
  #torn = false;
  /** Entries lost to write errors. */
  dropped = 0;
  /** Of them, those since the last entry that was written. */
  #missing = 0;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#attrs = renderAttrs(options.attrs ?? {});
    this.#fd = openLog(options.path);
    this.#size = fstatSync(this.#fd).size;
    this.#torn = this.#size > 0 && !endsWithNewline(options.path, this.#size);
    if (options.position !== undefined) this.#goOnCounting();
    if (options.compress) void packRotated(options.path, options.maxFile);
  }

  #goOnCounting(): void {
    const { path } = this.#options;
    const head = headOfPath(path);
    this.#number = head?.number ?? 0;
    this.#entries = (head?.entry ?? 0) + Math.max(0, countLines(path) - 1);
  }

  /** As {@link write}, waiting for room where there must be some. */
  async writeInTurn(stream: LogStream, chunk: Uint8Array): Promise<void> {
    if (this.#options.position === undefined) return this.write(stream, chunk);
    for (let from = 0; from < chunk.length; from += turnBytes) {
      await this.room();
      this.write(stream, chunk.subarray(from, from + turnBytes));
    }
  }

  /** Waits, where the log must be delivered before more of it can be kept; `null` when there is room. */
  room(): Promise<void> | null {
    if (this.#options.position === undefined || !this.#wouldRotate(0) || this.#mayRotate()) return null;
    return this.#waitForRoom();
  }

  async #waitForRoom(): Promise<void> {
    while (this.#fd !== -1 && !this.#mayRotate()) await Bun.sleep(roomPollMs);
  }

  /** True when the file that a rotation would take away is delivered, or need not be. */
  #mayRotate(): boolean {
    const { path, maxFile, position } = this.#options;
    const delivered = position === undefined ? null : readDelivered(position);
    if (!delivered?.hold) return true;
    if (maxFile < 2) return delivered.file > this.#number || delivered.offset >= this.#size;
    const oldest = headOfPath(`${path}.${maxFile - 1}`) ?? headOfPath(`${path}.${maxFile - 1}.gz`);
    return oldest === null || delivered.file > oldest.number;
  }

  /** Other limits from the next write on. */
  limit(limits: Pick<LogWriterOptions, "maxSize" | "maxFile" | "compress">): void {
    this.#options = { ...this.#options, ...limits };
  }

  /** Logs what is complete of `chunk`; the rest waits for more, or for {@link end}. */
  write(stream: LogStream, chunk: Uint8Array): void {
    const pending = this.#pending[stream];
    const data =
      pending.length > 0
        ? Buffer.concat([pending, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const tail = this.#tail(stream);
    let from = 0;
    let entries = "";
    let count = 0;
    for (;;) {
      const newline = data.indexOf(0x0a, from);
      const whole = newline !== -1 && newline - from < longestPart;
      if (!whole && data.length - from < longestPart) break;
      const to = whole ? newline + 1 : from + longestPart;
      entries += `{"log":${quote(data.toString("utf8", from, to))}${tail}`;
      from = to;
      count++;
      if (entries.length >= 64 * 1024 || this.#wouldRotate(entries.length)) {
        this.#append(entries, count);
        entries = "";
        count = 0;
      }
    }
    if (count > 0) this.#append(entries, count);
    this.#pending[stream] = from < data.length ? Buffer.from(data.subarray(from)) : Buffer.alloc(0);
  }

  /** Logs what waits for a newline that will not come. */
  end(stream: LogStream): void {
    const pending = this.#pending[stream];
    if (pending.length === 0) return;
    this.#pending[stream] = Buffer.alloc(0);
    this.#append(`{"log":${quote(pending.toString("utf8"))}${this.#tail(stream)}`, 1);
  }

  #tail(stream: LogStream): string {
    return `,"stream":"${stream}"${this.#attrs},"time":"${formatNanoseconds(this.#options.now())}"}\n`;
  }

  [Symbol.dispose](): void {
    this.#regain();
    if (this.#fd === -1) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }

  #lose(count: number, error: Error): void {
    const begins = this.#missing === 0;
    this.#missing += count;
    this.dropped += count;
    if (begins) this.#options.onLoss?.({ lost: this.#missing, why: error.message });
  }

  #regain(): void {
    if (this.#missing === 0) return;
    this.#options.onLoss?.({ lost: this.#missing, why: null });
    this.#missing = 0;
  }

  #wouldRotate(more: number): boolean {
    return this.#options.maxSize > 0 && this.#size + more >= this.#options.maxSize;
  }

  #append(entries: string, count: number): void {
    try {
      if (this.#wouldRotate(0) && this.#mayRotate()) this.#tryToRotate();
      failPoint("log.append");
      if (this.#fd === -1) this.#fd = openLog(this.#options.path);
      const bytes = Buffer.from(`${this.#begin()}${entries}`);
      for (let done = 0; done < bytes.length; ) {
        const written = writeSync(this.#fd, bytes, done);
        done += written;
        this.#size += written;
        this.#torn = done < bytes.length;
      }
      this.#regain();
    } catch (error) {
      // Whatever the kernel refuses, the container's output goes on being read.
      if (!isRefusal(error)) throw error;
      this.#lose(count, error);
    }
    this.#entries += count;
  }

  /** What goes before the next entry: the end of a torn line, the number of a new file. */
  #begin(): string {
    if (this.#torn) return "\n";
    if (this.#options.position === undefined || this.#size > 0) return "";
    const { number, line } = headLine(this.#number, this.#entries);
    this.#number = number;
    return line;
  }

  #tryToRotate(): void {
    try {
      this.#rotate();
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /**
   * `path` becomes `path.1`, that `path.2`, and so on; the oldest goes, unless an earlier try has left a gap. Readers keep what
   * they have open.
   */
  #rotate(): void {
    const { path, maxFile, compress } = this.#options;
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
    failPoint("log.rotate.closed");
    if (maxFile < 2) rmSync(path, { force: true });
    const packedOr = (i: number): string[] => (i === 0 ? [path] : [`${path}.${i}`, `${path}.${i}.gz`]);
    let last = 1;
    while (last < maxFile - 1 && packedOr(last).some((name) => existsSync(name))) last++;
    for (let i = Math.min(last, maxFile - 1); i >= 1; i--) {
      rmSync(`${path}.${i}.gz`, { force: true });
      // A rename over the oldest, so that whoever looks for the name finds a file at each instant.
      const moved = renameIfThere(i === 1 ? path : `${path}.${i - 1}`, `${path}.${i}`);
      if (!moved) rmSync(`${path}.${i}`, { force: true });
      if (i > 1) renameIfThere(`${path}.${i - 1}.gz`, `${path}.${i}.gz`);
    }
    this.#size = 0;
    this.#torn = false;
    failPoint("log.rotate.renamed");
    this.#fd = openLog(path);
    if (compress) void packRotated(path, maxFile);
  }
}

/** What the kernel says, as opposed to a mistake of ours. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && "code" in error;
}

/** `null` when there is no such file. */
function headOfPath(path: string): FileHead | null {
  const fd = openIfThere(path);
  if (fd === null) return null;
  try {
    return fileHead(fd, path.endsWith(".gz"));
  } finally {
    closeSync(fd);
  }
}

function countLines(path: string): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const chunk = Buffer.allocUnsafe(64 * 1024);
  let lines = 0;
  try {
    for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) {
      const bytes = chunk.subarray(0, count);
      for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) lines++;
    }
    return lines;
  } finally {
    closeSync(fd);
  }
}

function openLog(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o640);
}

function endsWithNewline(path: string, size: number): boolean {
  const fd = openSync(path, "r");
  try {
    const last = Buffer.alloc(1);
    return readSync(fd, last, 0, 1, size - 1) === 1 && last[0] === 0x0a;
  } finally {
    closeSync(fd);
  }
}
