import type { EventMessage } from "../api/events.ts";
import { type Filters, noFilters } from "../api/filters.ts";
import { wallClockNanoseconds } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { eventMatches } from "./filters.ts";
import { decodeLine, encodeLine } from "./line.ts";
import type { Cursor, Segments } from "./segments.ts";

/** An event as its origin tells it. */
export interface EventSource {
  readonly type: EventMessage["Type"];
  readonly action: string;
  readonly id: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly scope?: "local" | "swarm";
}

/** How long an event may wait in memory for its file: what a killed engine loses at most. */
const flushAfterMs = 200;
/** So many waiting events are written at once. */
const flushAt = 1024;
/** Between attempts to write what could not be written. */
const retryMs = 1000;
/** Events kept in memory while they cannot be written, and by a journal without files. */
const tailLimit = 4096;
/** Events a listener may be behind before it is cut off; memory of a slow reader stays bounded. */
const queueLimit = 4096;

/** What ends a subscription whose reader is too slow. */
export const overflowAction = "overflow";

interface Subscriber {
  readonly accepts: (event: EventMessage) => boolean;
  readonly queue: EventMessage[];
  /** False while it reads the past from the files. */
  live: boolean;
  wake: (() => void) | null;
  overflowed: boolean;
}

export interface EventQuery {
  /** Nanoseconds since the epoch; events from then on are replayed. */
  readonly since?: bigint | undefined;
  /** Nanoseconds since the epoch; the stream ends when this time has come. Alone, all that is kept until then is replayed. */
  readonly until?: bigint | undefined;
  readonly filters?: Filters | undefined;
}

export interface JournalOptions {
  /** Where events are kept; a journal without files remembers the newest few thousand. */
  readonly segments?: Segments | undefined;
  readonly now?: () => bigint;
  readonly log?: (message: string) => void;
}

/**
 * What happened in the engine, in order. Times rise strictly, over restarts too.
 *
 * An event costs its origin no write: it waits a fifth of a second at most in memory, the tail, and goes to the files with
 * the others of that time. No file is synced: a killed engine loses its tail, a power cut what the kernel had not written.
 * A subscriber reads the files to their end and the tail after them, and is live from that moment on, so that it sees every
 * event once.
 */
export class EventJournal implements Disposable {
  #segments: Segments | undefined;
  readonly #now: () => bigint;
  readonly #log: (message: string) => void;
  /** Events that no file has yet. */
  readonly #tail: EventMessage[] = [];
  readonly #subscribers = new Set<Subscriber>();
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #failing = false;
  #last: bigint;

  constructor({ segments, now = wallClockNanoseconds, log = () => {} }: JournalOptions = {}) {
    this.#segments = segments;
    this.#now = now;
    this.#log = log;
    this.#last = segments?.newest ?? 0n;
  }

  /** Listeners at this moment, for `/info`. */
  get listeners(): number {
    return this.#subscribers.size;
  }

  emit(source: EventSource): EventMessage {
    const now = this.#now();
    this.#last = now > this.#last ? now : this.#last + 1n;
    const event = wireEvent(source, this.#last);
    this.#keep(event);
    for (const subscriber of this.#subscribers) {
      if (!subscriber.live || !subscriber.accepts(event)) continue;
      if (subscriber.queue.length >= queueLimit) subscriber.overflowed = true;
      else subscriber.queue.push(event);
      subscriber.wake?.();
    }
    return event;
  }

  /**
   * Replays what the query asks of the past, then goes on live until `until` or until `signal` is aborted. The subscription
   * begins when this is called, not when the first event is read. A reader that falls too far behind gets a last event
   * `daemon`/`overflow` and the end.
   */
  subscribe(query: EventQuery, signal: AbortSignal): AsyncGenerator<EventMessage, void, undefined> {
    const { since, until, filters = noFilters } = query;
    const from = since ?? 0n;
    const accepts = (event: EventMessage): boolean => {
      const at = BigInt(event.timeNano);
      return at >= from && (until === undefined || at <= until) && eventMatches(event, filters);
    };
    const live = since === undefined && until === undefined;
    const subscriber: Subscriber = { accepts, queue: [], live, wake: null, overflowed: false };
    this.#subscribers.add(subscriber);
    // A generator that is never read runs no `finally`: the signal takes the subscription away in that case too.
    signal.addEventListener("abort", () => this.#subscribers.delete(subscriber), { once: true });
    return this.#drain(subscriber, query, signal);
  }

  /** Writes what waits for its file. */
  [Symbol.dispose](): void {
    this.#flush();
    clearTimeout(this.#flushing);
    this.#segments?.[Symbol.dispose]();
    this.#segments = undefined;
  }

  #keep(event: EventMessage): void {
    this.#tail.push(event);
    if (this.#segments && !this.#failing) {
      if (this.#tail.length >= flushAt) this.#flush();
      else this.#flushing ??= setTimeout(() => this.#flush(), flushAfterMs);
    }
    if (this.#tail.length > tailLimit) this.#tail.shift();
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    const [first] = this.#tail;
    if (!first || !this.#segments) return;
    try {
      this.#segments.append(this.#tail.map(encodeLine).join(""), BigInt(first.timeNano), this.#last);
      this.#tail.length = 0;
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#log(`events cannot be written, the newest ${tailLimit} are kept: ${messageOf(error)}`);
      this.#failing = true;
      this.#flushing = setTimeout(() => this.#flush(), retryMs);
      this.#flushing.unref();
    }
  }

  async *#drain(
    subscriber: Subscriber,
    { since, until }: EventQuery,
    signal: AbortSignal,
  ): AsyncGenerator<EventMessage, void, undefined> {
    const wake = (): void => subscriber.wake?.();
    const timer = until === undefined ? undefined : setAtTime(() => until - this.#now(), wake);
    signal.addEventListener("abort", wake);
    try {
      if (!subscriber.live) yield* this.#past(subscriber, { since, until }, signal);
      for (;;) {
        for (let event = subscriber.queue.shift(); event; event = subscriber.queue.shift()) yield event;
        if (subscriber.overflowed) {
          yield wireEvent({ type: "daemon", action: overflowAction, id: "" }, this.#last);
          return;
        }
        if (signal.aborted || (until !== undefined && this.#now() >= until)) return;
        await new Promise<void>((resolve) => {
          subscriber.wake = resolve;
        });
        subscriber.wake = null;
      }
    } finally {
      timer?.[Symbol.dispose]();
      signal.removeEventListener("abort", wake);
      this.#subscribers.delete(subscriber);
    }
  }

  /** What the files hold, and at their end, with no wait between, the tail into the queue and the subscriber live. */
  async *#past(
    subscriber: Subscriber,
    { since = 0n, until }: EventQuery,
    signal: AbortSignal,
  ): AsyncGenerator<EventMessage, void, undefined> {
    const cursor = this.#segments?.cursor(since);
    for (let lines = this.#next(cursor); lines && !signal.aborted; lines = this.#next(cursor)) {
      for (const line of lines) {
        const event = decodeLine(line);
        if (event && until !== undefined && BigInt(event.timeNano) > until) return;
        if (event && subscriber.accepts(event)) yield event;
      }
      // Others have their turn between two chunks, also where the filters let nothing through.
      await new Promise(setImmediate);
    }
    for (const event of this.#tail) if (subscriber.accepts(event)) subscriber.queue.push(event);
    subscriber.live = true;
  }

  #next(cursor: Cursor | undefined): string[] | null {
    return (cursor && this.#segments?.read(cursor)) ?? null;
  }
}

function wireEvent(source: EventSource, timeNano: bigint): EventMessage {
  // In the order of their names, as Docker's clients and logs have always seen them.
  const attributes = Object.fromEntries(Object.entries(source.attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    Type: source.type,
    Action: source.action,
    Actor: { ID: source.id, Attributes: attributes },
    scope: source.scope ?? "local",
    time: Number(timeNano / 1_000_000_000n),
    timeNano,
  };
}

/** Wakes once no nanoseconds are `left`, also when that takes longer than one timer can. */
function setAtTime(left: () => bigint, wake: () => void): Disposable {
  const longest = 2 ** 31 - 1;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const arm = (): void => {
    const delay = left();
    if (delay <= 0n) {
      wake();
      return;
    }
    timer = setTimeout(arm, Math.min(Number(delay / 1_000_000n) + 1, longest));
    timer.unref();
  };
  arm();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
