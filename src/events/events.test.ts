import { expect, test } from "bun:test";
import type { EventMessage } from "../api/events.ts";
import { EventJournal, overflowAction } from "./events.ts";

const never = new AbortController().signal;

async function collect(events: AsyncIterable<EventMessage>): Promise<string[]> {
  const actions: string[] = [];
  for await (const event of events) actions.push(event.Action);
  return actions;
}

function emit(journal: EventJournal, action: string, attributes: Record<string, string> = {}): EventMessage {
  return journal.emit({ type: "container", action, id: "a".repeat(64), attributes });
}

test("hardening 187: EventJournal gives every event a later time than the one before, also when the clock steps back", () => {
  let now = 1_000n;
  const journal = new EventJournal(() => now);
  const first = emit(journal, "create");
  now = 10n;
  const second = emit(journal, "start");
  expect(BigInt(second.timeNano) > BigInt(first.timeNano)).toBe(true);
});

test("hardening 187: EventJournal replays what listeners saw live, and no more than 256 events", async () => {
  const journal = new EventJournal();
  const stop = new AbortController();
  const live = collect(journal.subscribe({}, stop.signal));
  for (let i = 0; i < 300; i++) emit(journal, `n${i}`);
  stop.abort();
  const seen = await live;
  expect(seen).toHaveLength(300);
  const past = new AbortController();
  past.abort();
  expect(await collect(journal.subscribe({ since: 0n }, past.signal))).toEqual(seen.slice(-256));
});

test("EventJournal ends a subscription at until, without later events", async () => {
  const journal = new EventJournal();
  const event = emit(journal, "create");
  emit(journal, "start");
  expect(await collect(journal.subscribe({ since: 0n, until: BigInt(event.timeNano) }, never))).toEqual(["create"]);
});

test("hardening 187: EventJournal cuts a reader off that is 4096 events behind, with a marker", async () => {
  const journal = new EventJournal();
  const events = journal.subscribe({}, never);
  for (let i = 0; i < 5000; i++) emit(journal, "start");
  const actions = await collect(events);
  expect(actions).toHaveLength(4097);
  expect(actions.at(-1)).toBe(overflowAction);
  expect(journal.listeners).toBe(0);
});

test("EventJournal filters by event, label, image, container and type", async () => {
  const journal = new EventJournal();
  emit(journal, "exec_start: ls ", { image: "busybox:1", name: "x", team: "red" });
  emit(journal, "die", { image: "debian", name: "y", team: "blue" });
  journal.emit({ type: "network", action: "connect", id: "n1", attributes: { name: "bridge" } });
  const ended = new AbortController();
  ended.abort();
  const query = (name: string, ...values: string[]) =>
    collect(journal.subscribe({ since: 0n, filters: new Map([[name, values]]) }, ended.signal));
  expect(await query("event", "exec_start")).toEqual(["exec_start: ls "]);
  expect(await query("label", "team=blue")).toEqual(["die"]);
  expect(await query("label", "team", "team=red")).toEqual(["exec_start: ls "]);
  expect(await query("image", "busybox")).toEqual(["exec_start: ls "]);
  expect(await query("container", "aaaa")).toEqual(["exec_start: ls ", "die"]);
  expect(await query("container", "y")).toEqual(["die"]);
  expect(await query("type", "network", "container")).toHaveLength(3);
});

test("EventJournal ends a subscription at an until that is further away than one timer reaches", async () => {
  const day = 86_400_000;
  const delays: number[] = [];
  let now = 0n;
  const realSetTimeout = globalThis.setTimeout;
  // The clock goes on by what each timer asks for.
  const fake = ((callback: () => void, milliseconds: number) => {
    delays.push(milliseconds);
    return realSetTimeout(() => {
      now += BigInt(milliseconds) * 1_000_000n;
      callback();
    }, 0);
  }) as typeof setTimeout;
  const journal = new EventJournal(() => now);
  globalThis.setTimeout = fake;
  try {
    await collect(journal.subscribe({ until: BigInt(60 * day) * 1_000_000n }, never));
  } finally {
    globalThis.setTimeout = realSetTimeout;
  }
  expect(delays.length).toBe(3);
  expect(Math.max(...delays)).toBeLessThan(2 ** 31);
});
