/** A request's body: read whole where it is small, as a stream whose reader sets the pace where it is not. */
import { Readable } from "node:stream";
import { type BodyDecoder, decoderOf } from "./decoder.ts";
import type { Framing } from "./head.ts";

/** What a body asks of its connection. */
export interface BodySource {
  /** Somebody wants the body now: `100 Continue` is due where the client waits for it. */
  wanted(): void;
  pause(): void;
  resume(): void;
}

export class RequestBody {
  readonly #decoder: BodyDecoder;
  readonly #source: BodySource;
  readonly #early: Buffer[] = [];
  #stream: Readable | undefined;
  #failure: Error | undefined;

  constructor(framing: Framing, source: BodySource) {
    this.#decoder = decoderOf(framing);
    this.#source = source;
  }

  /** True when all of it has come from the connection, read or not. */
  get complete(): boolean {
    return this.#decoder.complete;
  }

  /** Takes the body's part of `bytes`; answers what follows it. Throws `HttpError`. */
  feed(bytes: Buffer): Buffer {
    const rest = this.#decoder.feed(bytes, (data) => this.#emit(data));
    if (this.complete) this.#stream?.push(null);
    return rest;
  }

  /** The connection broke before the end. */
  fail(error: Error): void {
    if (this.complete) return;
    this.#failure = error;
    this.#stream?.destroy(error);
  }

  /** The bytes as they come. */
  stream(): Readable {
    if (this.#stream) return this.#stream;
    const stream = new Readable({ highWaterMark: 1 << 20, read: () => this.#source.resume() });
    this.#stream = stream;
    // Told to whoever reads.
    stream.on("error", () => {});
    // A reader that gives up lets the rest pass.
    stream.on("close", () => this.complete || this.#source.resume());
    for (const data of this.#early.splice(0)) stream.push(data);
    if (this.complete) stream.push(null);
    else if (this.#failure) stream.destroy(this.#failure);
    else this.#source.wanted();
    return stream;
  }

  /** The whole body when it has come already, as small ones do; undefined otherwise. */
  whole(): Buffer | undefined {
    if (!this.complete || this.#stream) return undefined;
    const pieces = this.#early.splice(0);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** Reads on and drops everything, at most `bytes` more: resolves at the end, at the limit, or when the connection is gone. */
  async discard(bytes: number): Promise<void> {
    if (this.complete || this.#failure) return;
    const stream = this.stream();
    let left = bytes;
    await new Promise<void>((resolve) => {
      stream.on("data", (data: Buffer) => {
        left -= data.length;
        if (left < 0) resolve();
      });
      stream.on("error", () => resolve());
      stream.on("close", resolve);
      stream.on("end", resolve);
      stream.resume();
    });
  }

  #emit(data: Buffer): void {
    if (!this.#stream) {
      this.#early.push(data);
      // Nobody reads yet: what one packet brought is enough.
      if (!this.complete) this.#source.pause();
    } else if (!this.#stream.destroyed && !this.#stream.push(data)) this.#source.pause();
  }
}
