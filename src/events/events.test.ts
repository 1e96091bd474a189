import { afterEach, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventMessage } from "../api/events.ts";
import { EventJournal, overflowAction } from "./events.ts";
import { defaultLimits, type SegmentLimits, Segments } from "./segments.ts";

const never = new AbortController().signal;
const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "dhow-events-"));
  directories.push(directory);
  return directory;
}

async function collect(events: AsyncIterable<EventMessage>): Promise<string[]> {
  const actions: string[] = [];
  for await (const event of events) actions.push(event.Action);
  return actions;
}

function emit(journal: EventJournal, action: string, attributes: Record<string, string> = {}): EventMessage {
  return journal.emit({ type: "container", action, id: "a".repeat(64), attributes });
}

/** A journal on files whose clock goes on by one for each event. */
function open(directory: string, limits: SegmentLimits = defaultLimits, start = 1_000n): EventJournal {
  let now = start;
  return new EventJournal({ segments: new Segments(directory, start, limits), now: () => now++ });
}

const past = (journal: EventJournal, since = 0n, until = 1_000_000n): Promise<string[]> =>
  collect(journal.subscribe({ since, until }, AbortSignal.timeout(500)));

const filesOf = (directory: string): string[] =>
  readdirSync(directory)
    .sort()
    .map((name) => join(directory, name));

test("hardening 187: EventJournal gives every event a later time than the one before, also when the clock steps back", () => {
  let now = 1_000n;
  const journal = new EventJournal({ now: () => now });
  const first = emit(journal, "create");
  now = 10n;
  const second = emit(journal, "start");
  expect(BigInt(second.timeNano) > BigInt(first.timeNano)).toBe(true);
});

test("EventJournal gives events after a restart later times than those before, also when the clock was put back", async () => {
  const directory = newDirectory();
  const journal = open(directory, defaultLimits, 5_000n);
  const first = emit(journal, "create");
  journal[Symbol.dispose]();
  using next = open(directory, defaultLimits, 100n);
  expect(BigInt(emit(next, "start").timeNano)).toBe(BigInt(first.timeNano) + 1n);
  expect(await past(next)).toEqual(["create", "start"]);
});

test("EventJournal forgets what a clock that was far ahead has dated", async () => {
  const directory = newDirectory();
  const ahead = 10n * 3_600_000_000_000n;
  const journal = open(directory, defaultLimits, ahead);
  emit(journal, "create");
  journal[Symbol.dispose]();
  using next = open(directory);
  expect(BigInt(emit(next, "start").timeNano) < ahead).toBe(true);
  expect(await past(next)).toEqual(["start"]);
});

test("hardening 187: EventJournal replays what listeners saw live, over a restart too", async () => {
  const directory = newDirectory();
  const journal = open(directory);
  const stop = new AbortController();
  const live = collect(journal.subscribe({}, stop.signal));
  for (let i = 0; i < 3000; i++) emit(journal, `n${i}`, { long: "x".repeat(100) });
  stop.abort();
  const seen = await live;
  expect(seen).toHaveLength(3000);
  expect(await past(journal)).toEqual(seen);
  journal[Symbol.dispose]();
  using next = open(directory, defaultLimits, 9_000n);
  expect(await past(next)).toEqual(seen);
  expect(await past(next, 3_990n)).toEqual(seen.slice(2990));
});

test("EventJournal replays what was there until a moment, when no beginning is given", async () => {
  using journal = open(newDirectory());
  emit(journal, "create");
  emit(journal, "start");
  expect(await collect(journal.subscribe({ until: 1_000n }, never))).toEqual(["create"]);
});

test("EventJournal gives a subscriber that replays while events come each of them once, in order", async () => {
  using journal = open(newDirectory());
  for (let i = 0; i < 5000; i++) emit(journal, `n${i}`);
  const stop = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of journal.subscribe({ since: 0n }, stop.signal)) {
      seen.push(event.Action);
      // More come while the past is read, and at each point of the join.
      if (seen.length % 7 === 0 && seen.length < 20_000) emit(journal, `m${seen.length}`);
      if (event.Action === "last") stop.abort();
    }
  })();
  await Bun.sleep(300);
  emit(journal, "last");
  await reading;
  expect(new Set(seen).size).toBe(seen.length);
  const kept = (await past(journal)).slice(0, seen.length);
  expect(seen).toEqual(kept);
});

test("EventJournal keeps the newest 4096 in memory while its files cannot be written, and writes them when they can", async () => {
  const directory = newDirectory();
  const messages: string[] = [];
  const segments = new Segments(directory, 0n);
  const append = segments.append.bind(segments);
  segments.append = () => {
    throw new Error("ENOSPC: no space left on device");
  };
  let now = 1n;
  const journal = new EventJournal({ segments, now: () => now++, log: (message) => messages.push(message) });
  for (let i = 0; i < 6000; i++) emit(journal, `n${i}`);
  expect(messages).toHaveLength(1);
  expect(await past(journal)).toHaveLength(4096);
  segments.append = append;
  journal[Symbol.dispose]();
  using next = open(directory, defaultLimits, 10_000n);
  expect((await past(next)).length).toBe(4096);
});

test("Segments cuts a torn last line off, and a damaged line spoils itself alone", async () => {
  const directory = newDirectory();
  const journal = open(directory);
  for (const action of ["one", "two", "three"]) emit(journal, action);
  journal[Symbol.dispose]();
  const [file = ""] = filesOf(directory);
  writeFileSync(file, readFileSync(file, "utf8").replace('"two"', '"twu"'));
  appendFileSync(file, '12345678 {"Type":"contai');
  const torn = open(directory, defaultLimits, 2_000n);
  emit(torn, "four");
  torn[Symbol.dispose]();
  using next = open(directory, defaultLimits, 3_000n);
  expect(await past(next)).toEqual(["one", "three", "four"]);
});

test("Segments with nothing readable in it begins again", async () => {
  const directory = newDirectory();
  writeFileSync(join(directory, `${"1".padStart(20, "0")}.events`), "\0".repeat(100));
  using journal = open(directory);
  emit(journal, "one");
  expect(await past(journal)).toEqual(["one"]);
});

test("Segments keeps no more files than its limit, and none whose events are all too old", async () => {
  const limits: SegmentLimits = { bytes: 100, span: 1_000n, count: 3, age: 10_000n };
  const directory = newDirectory();
  for (let i = 0n; i < 6n; i++) {
    const journal = open(directory, limits, 1_000n + i);
    emit(journal, `n${i}`, { long: "x".repeat(100) });
    journal[Symbol.dispose]();
  }
  expect(filesOf(directory)).toHaveLength(3);
  using later = open(directory, limits, 20_000n);
  expect(filesOf(directory)).toHaveLength(1);
  emit(later, "new");
  expect(await past(later)).toEqual(["n5", "new"]);
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
  emit(journal, "die", { image: "debian", name: "yacht", team: "blue" });
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
  expect(await query("container", "yacht")).toEqual(["die"]);
  // As dockerd does: the beginning of a name is enough.
  expect(await query("container", "ya")).toEqual(["die"]);
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
  const journal = new EventJournal({ now: () => now });
  globalThis.setTimeout = fake;
  try {
    await collect(journal.subscribe({ until: BigInt(60 * day) * 1_000_000n }, never));
  } finally {
    globalThis.setTimeout = realSetTimeout;
  }
  expect(delays.length).toBe(3);
  expect(Math.max(...delays)).toBeLessThan(2 ** 31);
});
