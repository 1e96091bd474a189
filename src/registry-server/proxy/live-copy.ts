/**
 * What one client is sent of a blob while it is being stored. It never holds the storing up: a client that is slower is sent the rest from
 * storage afterwards. Its end is sent only when all the bytes have been verified; until then what it has is no whole blob.
 */

/** Most bytes that wait for a client. */
const maxQueued = 4 << 20;

export class LiveCopy {
  readonly #queue: Uint8Array[] = [];
  readonly #stored = Promise.withResolvers<(from: number) => AsyncIterable<Uint8Array>>();
  #queued = 0;
  #sent = 0;
  /** False once bytes have passed that were not queued, or nobody listens any more. */
  #keepsUp = true;
  #isStored = false;
  #wake: (() => void) | null = null;

  constructor() {
    // Who left before the end does not hear of a failure.
    this.#stored.promise.catch(() => {});
    void this.#stored.promise.finally(() => this.#wake?.()).catch(() => {});
  }

  /** The bytes from the beginning to the end; to be asked for once. */
  stream(): ReadableStream<Uint8Array> {
    const bytes = this.#bytes();
    return new ReadableStream({
      pull: async (controller) => {
        try {
          const { done, value } = await bytes.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch {
          // Without a reason, which Bun would print with the source of where it was made; whoever failed has told it.
          controller.error();
        }
      },
      cancel: async () => {
        this.#keepsUp = false;
        this.#queue.length = 0;
        await bytes.return(undefined);
      },
    });
  }

  /** The blob's next bytes have arrived; they must not change any more. */
  offer(bytes: Uint8Array): void {
    if (this.#queued > 0 && this.#queued + bytes.length > maxQueued) this.#keepsUp = false;
    if (!this.#keepsUp) return;
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    this.#wake?.();
  }

  /** The blob is verified and stored; `read` gives its bytes from an offset on. */
  stored(read: (from: number) => AsyncIterable<Uint8Array>): void {
    this.#isStored = true;
    this.#stored.resolve(read);
  }

  /** There will be no whole blob: the client's stream breaks off. */
  fail(error: unknown): void {
    this.#isStored = true;
    this.#stored.reject(error);
  }

  async *#bytes(): AsyncGenerator<Uint8Array> {
    for (;;) {
      // The last bytes wait for the verdict.
      while (this.#queue.length > 1) yield this.#next();
      if (this.#isStored) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const read = await this.#stored.promise;
    while (this.#queue.length > 0) yield this.#next();
    if (!this.#keepsUp) yield* read(this.#sent);
  }

  #next(): Uint8Array {
    const bytes = this.#queue.shift() ?? new Uint8Array(0);
    this.#queued -= bytes.length;
    this.#sent += bytes.length;
    return bytes;
  }
}
