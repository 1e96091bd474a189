/** A process's input: the write end of its stdin FIFO, or its terminal. */
import { closeSync, writeSync } from "node:fs";
import { isErrno } from "../linux/syscall-error.ts";

/** Writes wait while the process does not read. What comes after the end, or after the reader left, is dropped. */
export class Input {
  readonly #fd: number;
  readonly #sink: Bun.FileSink | null;
  #closed = false;
  #queue: Promise<void> = Promise.resolve();

  /** Takes the descriptor over. A Bun.FileSink on a terminal breaks reading from it, so those are written directly. */
  constructor(fd: number, options: { readonly terminal: boolean }) {
    this.#fd = fd;
    this.#sink = options.terminal ? null : Bun.file(fd).writer();
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
      if (!this.#sink) return await this.#writeTerminal(chunk);
      this.#sink.write(chunk);
      await this.#sink.flush();
    } catch (error) {
      if (!isErrno(error, "EPIPE", "EIO", "EBADF")) throw error;
      this.close();
    }
  }

  /** A terminal's input queue holds 4 KB; while nobody reads it, this looks again ever more slowly. */
  async #writeTerminal(chunk: Uint8Array): Promise<void> {
    let pause = 1;
    for (let done = 0; done < chunk.length && !this.#closed; ) {
      try {
        done += writeSync(this.#fd, chunk, done);
        pause = 1;
      } catch (error) {
        if (!isErrno(error, "EAGAIN")) throw error;
        await Bun.sleep(pause);
        pause = Math.min(pause * 2, 64);
      }
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
    // The sink writes through a duplicate of the descriptor.
    void Promise.resolve(this.#sink?.end()).catch(() => {});
    closeSync(this.#fd);
  }
}
