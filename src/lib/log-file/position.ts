/**
 * How far a log has been delivered: a small file beside it, which the daemon writes and the supervisor reads before it takes
 * the oldest file away. The line is padded to one length, so that a new one replaces all of the old one in a single write.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { isErrno } from "../../linux/syscall-error.ts";
import type { LogPosition } from "./record.ts";
import type { LogStream } from "./writer.ts";

/** A line of which so many parts are delivered and the end is not. */
export interface PartialLine {
  readonly id: string;
  readonly ordinal: number;
}

export interface Delivered extends LogPosition {
  /** What is not delivered yet must not be rotated away: the container waits instead. */
  readonly hold: boolean;
  readonly partial: Readonly<Partial<Record<LogStream, PartialLine>>>;
}

const lineBytes = 512;

/** `null` when there is none, or none that can be read. */
export function readDelivered(path: string): Delivered | null {
  try {
    const { file, offset, entry, hold, partial } = JSON.parse(readFileSync(path, "utf8"));
    if (typeof file !== "number" || typeof offset !== "number" || typeof entry !== "number") return null;
    return { file, offset, entry, hold: hold === true, partial: typeof partial === "object" && partial ? partial : {} };
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** The writing side; the file is there once it is made. */
export class DeliveredFile implements Disposable {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  }

  save(delivered: Delivered): void {
    const line = Buffer.from(`${JSON.stringify(delivered).padEnd(lineBytes - 1)}\n`);
    writeSync(this.#fd, line, 0, line.length, 0);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
