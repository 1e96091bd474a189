/** Somebody who is told of events over HTTP, in their order. What it does not take waits, so many events at most. */
import { messageOf } from "../../lib/errors.ts";
import { pause } from "../../lib/pause.ts";
import type { Event } from "./event.ts";

export interface ListenerOptions {
  readonly url: URL;
  /** Sent along; they may be secrets. */
  readonly headers: ReadonlyMap<string, string>;
  /** What became of events. */
  readonly count: (result: "sent" | "failed" | "dropped", events: number) => void;
  readonly log: (message: string) => void;
  /** Pause after the first failure, in milliseconds; each further one is twice as long. */
  readonly firstPauseMs?: number;
  /** Most events that wait. */
  readonly maxWaiting?: number;
}

const mediaType = "application/vnd.docker.distribution.events.v1+json";
/** Time for an answer. */
const answerMs = 5000;
const longestPauseMs = 60_000;
/** Tries of one delivery: about six minutes in all. */
const maxAttempts = 12;
/** Events of one delivery. */
const batch = 100;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #waiting: Event[] = [];
  readonly #ended = new AbortController();
  #delivery: Promise<void> | null = null;
  #isFull = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Never throws and never waits. */
  tell(event: Event): void {
    const { count, log, maxWaiting = 10_000 } = this.#options;
    if (this.#waiting.length >= maxWaiting) {
      if (!this.#isFull)
        log(`notifications: ${this.#name} takes nothing and ${maxWaiting} events wait: new ones are lost`);
      this.#isFull = true;
      count("dropped", 1);
      return;
    }
    this.#waiting.push(event);
    this.#delivery ??= this.#deliver().finally(() => {
      this.#delivery = null;
    });
  }

  /** Tells what waits, for so long at most; what waits then is lost. */
  async end(milliseconds: number): Promise<void> {
    const timer = setTimeout(() => this.#ended.abort(), milliseconds);
    await this.#delivery;
    clearTimeout(timer);
  }

  async #deliver(): Promise<void> {
    const { count, log } = this.#options;
    while (this.#waiting.length > 0 && !this.#ended.signal.aborted) {
      const events = this.#waiting.slice(0, batch);
      const failure = await this.#send(events);
      if (this.#ended.signal.aborted && failure !== null) break;
      this.#waiting.splice(0, events.length);
      this.#isFull = false;
      count(failure === null ? "sent" : "failed", events.length);
      if (failure !== null) log(`notifications: ${events.length} events are lost to ${this.#name}: ${failure}`);
    }
    if (this.#waiting.length === 0) return;
    log(`notifications: ${this.#waiting.length} events are lost to ${this.#name}: the registry has ended`);
    count("failed", this.#waiting.splice(0).length);
  }

  /** Why it was not taken in the end; null when it was. */
  async #send(events: readonly Event[]): Promise<string | null> {
    const { log, firstPauseMs = 1000 } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#post(events);
      if (failure === null || attempt >= maxAttempts || this.#ended.signal.aborted) return failure;
      if (attempt === 1) log(`notifications: ${this.#name} takes no events, which wait for it: ${failure}`);
      await pause(Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)), this.#ended.signal);
    }
  }

  async #post(events: readonly Event[]): Promise<string | null> {
    const { url, headers } = this.#options;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { ...Object.fromEntries(headers), "content-type": mediaType },
        body: JSON.stringify({ events }),
        // Nobody else is shown the headers.
        redirect: "manual",
        signal: AbortSignal.any([this.#ended.signal, AbortSignal.timeout(answerMs)]),
      });
      await response.body?.cancel();
      return response.ok ? null : `it answers ${response.status}`;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Without its query, which may hold a secret. */
  get #name(): string {
    return this.#options.url.origin + this.#options.url.pathname;
  }
}
