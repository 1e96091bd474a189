import type { EventMessage } from "../api/events.ts";
import { type Filters, noFilters } from "../api/filters.ts";
import { eventMatches } from "./filters.ts";

/** An event as its origin tells it. */
export interface EventSource {
  readonly type: EventMessage["Type"];
  readonly action: string;
  readonly id: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly scope?: "local" | "swarm";
}

/** How much of the past a new listener may ask for. */
const ringSize = 256;
/** Events a listener may be behind before it is cut off; memory of a slow reader stays bounded. */
const queueLimit = 4096;

/** What ends a subscription whose reader is too slow. */
export const overflowAction = "overflow";

interface Subscriber {
  readonly accepts: (event: EventMessage) => boolean;
  readonly queue: EventMessage[];
  wake: (() => void) | null;
  overflowed: boolean;
}

export interface EventQuery {
  /** Nanoseconds since the epoch; events from then on are replayed. */
  readonly since?: bigint | undefined;
  /** Nanoseconds since the epoch; the stream ends when this time has come. */
  readonly until?: bigint | undefined;
  readonly filters?: Filters | undefined;
}

/**
 * What happened in the engine, in order: the last 256 events are kept for replay, every listener sees all later ones.
 * Times never decrease, and no two events share one.
 */
export class EventJournal {
  readonly #ring: EventMessage[] = [];
  readonly #subscribers = new Set<Subscriber>();
  readonly #now: () => bigint;
  #last = 0n;

  constructor(now: () => bigint = wallClockNanoseconds) {
    this.#now = now;
  }

  /** Listeners at this moment, for `/info`. */
  get listeners(): number {
    return this.#subscribers.size;
  }

  emit(source: EventSource): EventMessage {
    const now = this.#now();
    this.#last = now > this.#last ? now : this.#last + 1n;
    const event = wireEvent(source, this.#last);
    this.#ring.push(event);
    if (this.#ring.length > ringSize) this.#ring.shift();
    for (const subscriber of this.#subscribers) {
      if (!subscriber.accepts(event)) continue;
      if (subscriber.queue.length >= queueLimit) subscriber.overflowed = true;
      else subscriber.queue.push(event);
      subscriber.wake?.();
    }
    return event;
  }

  /**
   * Replays from `since`, then goes on live until `until` or until `signal` is aborted. The subscription begins when
   * this is called, not when the first event is read. A reader that falls too far behind gets a last event
   * `daemon`/`overflow` and the end.
   */
  subscribe(query: EventQuery, signal: AbortSignal): AsyncGenerator<EventMessage, void, undefined> {
    const filters = query.filters ?? noFilters;
    const { since, until } = query;
    const within = (event: EventMessage): boolean => until === undefined || BigInt(event.timeNano) <= until;
    const accepts = (event: EventMessage): boolean => within(event) && eventMatches(event, filters);
    const queue =
      since === undefined ? [] : this.#ring.filter((event) => BigInt(event.timeNano) >= since && accepts(event));
    const subscriber: Subscriber = { accepts, queue, wake: null, overflowed: false };
    this.#subscribers.add(subscriber);
    // A generator that is never read runs no `finally`: the signal takes the subscription away in that case too.
    signal.addEventListener("abort", () => this.#subscribers.delete(subscriber), { once: true });
    return this.#drain(subscriber, until, signal);
  }

  async *#drain(
    subscriber: Subscriber,
    until: bigint | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<EventMessage, void, undefined> {
    const wake = (): void => subscriber.wake?.();
    const timer = until === undefined ? undefined : setAtTime(() => until - this.#now(), wake);
    signal.addEventListener("abort", wake);
    try {
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
}

function wireEvent(source: EventSource, timeNano: bigint): EventMessage {
  // In the order of their names, as Docker's clients and logs have always seen them.
  const attributes = Object.fromEntries(Object.entries(source.attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
  const event: EventMessage = {
    Type: source.type,
    Action: source.action,
    Actor: { ID: source.id, Attributes: attributes },
    scope: source.scope ?? "local",
    time: Number(timeNano / 1_000_000_000n),
    timeNano,
  };
  if (source.type !== "container" && source.type !== "image") return event;
  // Clients older than API 1.22 know only these three.
  const legacy = { status: source.action, id: source.id, ...(attributes.image ? { from: attributes.image } : {}) };
  return { ...legacy, ...event };
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

let clockBase: { wall: bigint; monotonic: number } | undefined;

/** The wall clock in nanoseconds; steps of the host's clock are followed. */
export function wallClockNanoseconds(): bigint {
  const milliseconds = BigInt(Date.now());
  const monotonic = performance.now();
  if (!clockBase || driftOf(clockBase, milliseconds, monotonic) > 5n) {
    clockBase = { wall: milliseconds * 1_000_000n, monotonic };
  }
  return clockBase.wall + BigInt(Math.round((monotonic - clockBase.monotonic) * 1e6));
}

function driftOf(base: { wall: bigint; monotonic: number }, milliseconds: bigint, monotonic: number): bigint {
  const expected = base.wall / 1_000_000n + BigInt(Math.round(monotonic - base.monotonic));
  return expected > milliseconds ? expected - milliseconds : milliseconds - expected;
}
