/**
 * What the registry keeps its bytes in: named objects in directories. Names are made in `layout.ts` alone, of checked parts. The
 * file system is one such storage, an S3-compatible store another.
 */
export interface Storage {
  /** A small object whole; null when there is none. */
  read(path: string): Promise<Buffer | null>;
  /** Puts a small object in place at once and for good: afterwards it is on disk. */
  write(path: string, bytes: Uint8Array | string): Promise<void>;
  /** Bytes of an object; null when there is none. */
  size(path: string): Promise<number | null>;
  /** When an object was written last, in milliseconds since 1970; null when there is none. */
  modified(path: string): Promise<number | null>;
  /** Bytes `[start, end)` of an object, as a response's body. */
  body(path: string, start: number, end: number): Bun.BunFile | ReadableStream<Uint8Array> | Blob;
  /** Names of what a directory holds, in order; none for one that is not there. */
  list(path: string): Promise<string[]>;
  /** Removes an object, or a directory with all that is in it; what is not there is fine. */
  remove(path: string): Promise<void>;
  /** Removes a directory that holds nothing; one that does, or is not there, is fine. Whoever writes into it meanwhile is not disturbed. */
  prune(path: string): Promise<void>;
  /** Gives an object its place, on disk and for good. What is at `to` must be the same bytes; what stays at `from` is the caller's to remove. */
  move(from: string, to: string): Promise<void>;
  /** Opens an object, made when absent, to write at its end. It can be read when it is sealed. */
  append(path: string): Promise<Appender>;
  /** Removes what writes that were cut short before `time` (milliseconds since 1970) have left. */
  sweep(time: number): Promise<void>;
}

/** The storage does not take or give what it should now. */
export class StorageUnavailable extends Error {
  override readonly name = "StorageUnavailable";

  /** `code` is the storage's own word for it, "" where it has none. */
  constructor(
    message: string,
    readonly code: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** An object that grows. What was written is there for the next who opens it, once this one is disposed of. */
export interface Appender extends AsyncDisposable {
  /** Bytes that are there. */
  readonly size: number;
  write(bytes: Uint8Array): Promise<void>;
  /** Brings everything to the disk, to be read from now on; nothing is written afterwards. Sealing twice is fine. */
  seal(): Promise<void>;
}

/** Bytes `[start, end)` of an object, in pieces. */
export async function* bytesOf(storage: Storage, path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  const body = storage.body(path, start, end);
  const stream = body instanceof ReadableStream ? body : body.stream();
  yield* stream as AsyncIterable<Uint8Array>;
}
