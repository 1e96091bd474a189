/**
 * What the registry keeps its bytes in: named objects in directories. Names are made in `layout.ts` alone, of checked parts. The
 * file system is one such storage; an object store with prefixes can be another.
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
  /** Gives an object its place, on disk and for good. What is at `to` must be the same bytes. */
  move(from: string, to: string): Promise<void>;
  /** Opens an object, made when absent, to write at its end. */
  append(path: string): Promise<Appender>;
}

/** An object that grows. */
export interface Appender extends AsyncDisposable {
  /** Bytes that are there. */
  readonly size: number;
  write(bytes: Uint8Array): Promise<void>;
  /** Brings everything to the disk. */
  sync(): Promise<void>;
}

/** Bytes `[start, end)` of an object, in pieces. */
export async function* bytesOf(storage: Storage, path: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  const body = storage.body(path, start, end);
  const stream = body instanceof ReadableStream ? body : body.stream();
  yield* stream as AsyncIterable<Uint8Array>;
}
