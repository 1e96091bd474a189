/** A process's input: the write end of its stdin FIFO, or its terminal. */
import { closeSync } from "node:fs";
import { isErrno } from "../linux/syscall-error.ts";

/** Writes wait while the process does not read. What comes after the end, or after the reader left, is dropped. */
export class Input {
  readonly #fd: number;
  readonly #sink: Bun.FileSink;
  #closed = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(fd: number) {
    this.#fd = fd;
    this.#sink = Bun.file(fd).writer();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the process's buffer has taken `chunk`. */
  write(chunk: Uint8Array): Promise<void> {
    this.#queue = this.#queue.then(() => this.#write(chunk));
    return this.#queue;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.#closed) return;
    try {
      this.#sink.write(chunk);
      await this.#sink.flush();
    } catch (error) {
      if (!isErrno(error, "EPIPE", "EIO", "EBADF")) throw error;
      this.close();
    }
  }

  /** The end, after what is written. */
  end(): Promise<void> {
    this.#queue = this.#queue.then(() => this.close());
    return this.#queue;
  }

  /** Closes at once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }
}
