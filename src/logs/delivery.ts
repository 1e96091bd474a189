/** One container's log on its way: the cache file is followed from where delivery stands, and its entries are sent. */
import { messageOf } from "../lib/errors.ts";
import { insist } from "../lib/insist.ts";
import { type Delivered, DeliveredFile, readDelivered } from "../lib/log-file/position.ts";
import { readLog } from "../lib/log-file/reader.ts";
import type { LogBatch } from "../lib/log-file/record.ts";
import type { Logger, LogMessage, LogSink } from "./driver.ts";
import { messagesOf } from "./messages.ts";

export interface DeliveryOptions {
  readonly logger: Logger;
  /** The cache; its position is kept in `position`. */
  readonly path: string;
  readonly position: string;
  /** The container waits for a sink that is slow. */
  readonly blocking: boolean;
  /** A connection that is made already. */
  readonly sink: LogSink | null;
  /** Told once for each time that the sink goes away. */
  readonly onTrouble: (message: string) => void;
}

/**
 * Runs from its making until everything is delivered after {@link end}, or until it is disposed. The position is saved after
 * each batch that the sink has taken; a batch that it has not is sent again.
 */
export class Delivery implements Disposable {
  readonly #options: DeliveryOptions;
  readonly #stop = new AbortController();
  readonly #ended = new AbortController();
  readonly #file: DeliveredFile;
  #delivered: Delivered;
  #sink: LogSink | null;
  /** Resolves when nothing more happens. */
  readonly done: Promise<void>;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { sink, position } = options;
    this.#sink = sink;
    const before = readDelivered(position);
    this.#file = new DeliveredFile(position);
    // An engine that starts again finds out by its first message whether the sink is still there.
    const hold = sink !== null || before?.hold === true ? this.#holds("slow") : this.#holds("gone");
    this.#delivered = { file: 0, offset: 0, entry: 0, partial: {}, ...before, hold };
    this.#file.save(this.#delivered);
    this.done = this.#run();
  }

  /** False while there is nobody to take the messages. */
  get isConnected(): boolean {
    return this.#sink !== null;
  }

  /** Nothing more will be written: what is there is still delivered. */
  end(): void {
    this.#ended.abort();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#closeSink();
  }

  #closeSink(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    const { path, onTrouble } = this.#options;
    const { file, offset, entry } = this.#delivered;
    try {
      const options = { follow: true, from: { file, offset, entry }, ended: this.#ended.signal };
      for await (const batch of readLog(path, options, this.#stop.signal)) await this.#deliver(batch);
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        onTrouble(`log delivery ended: ${messageOf(error)}`);
        this.#save({ hold: false });
      }
    } finally {
      this.#closeSink();
      this.#file[Symbol.dispose]();
    }
  }

  async #deliver({ records, first, file, offset, entry }: LogBatch): Promise<void> {
    const lost = first - this.#delivered.entry;
    if (lost > 0) this.#options.onTrouble(`log driver: ${lost} messages dropped`);
    const { messages, partial } = messagesOf(records, this.#delivered.partial);
    if (messages.length > 0) await this.#sendUntilTaken(messages);
    if (this.#stop.signal.aborted) return;
    this.#save({ file, offset, entry, partial });
  }

  #save(change: Partial<Delivered>): void {
    this.#delivered = { ...this.#delivered, ...change };
    this.#file.save(this.#delivered);
  }

  async #sendUntilTaken(messages: readonly LogMessage[]): Promise<void> {
    const attempt = async (): Promise<void> => {
      const sink = this.#sink ?? (await this.#connect());
      await sink.send(messages);
    };
    await insist(attempt, { signal: this.#stop.signal, failed: (why) => this.#lost(why) });
  }

  async #connect(): Promise<LogSink> {
    const sink = await this.#options.logger.connect(this.#stop.signal);
    if (this.#stop.signal.aborted) {
      sink[Symbol.dispose]();
      throw new Error("stopped");
    }
    this.#sink = sink;
    this.#save({ hold: this.#holds("slow") });
    return sink;
  }

  /** Whether the container waits for a sink that is like this. */
  #holds(sink: "slow" | "gone"): boolean {
    const { blocking, logger } = this.#options;
    return blocking && (logger.holdsFor === "gone" || logger.holdsFor === sink);
  }

  #lost(why: string): void {
    const { onTrouble } = this.#options;
    if (this.#sink) onTrouble(`log driver: ${why}; trying again`);
    this.#closeSink();
    this.#save({ hold: this.#holds("gone") });
  }
}
