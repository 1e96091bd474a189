import { afterEach, beforeEach, expect, test } from "bun:test";
import { until } from "../../../test/harness/command.ts";
import type { Event } from "./event.ts";
import { Listener, type ListenerOptions } from "./listener.ts";

let server: ReturnType<typeof Bun.serve>;
/** Statuses of the next answers; 200 afterwards. */
let statuses: number[];
let came: { ids: string[]; token: string | null; type: string | null }[];
let counts: Record<string, number>;
let said: string[];

beforeEach(() => {
  [statuses, came, counts, said] = [[], [], {}, []];
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { events } = (await request.json()) as { events: { id: string }[] };
      const { headers } = request;
      came.push({ ids: events.map(({ id }) => id), token: headers.get("x-token"), type: headers.get("content-type") });
      const status = statuses.shift() ?? 200;
      return new Response(null, { status, headers: status === 302 ? { location: "/elsewhere" } : {} });
    },
  });
});
afterEach(() => server.stop(true));

const listener = (more: Partial<ListenerOptions> = {}): Listener =>
  new Listener({
    url: new URL(`${server.url.origin}/hook?key=secret`),
    headers: new Map([["X-Token", "t"]]),
    count: (result, events) => {
      counts[result] = (counts[result] ?? 0) + events;
    },
    log: (message) => said.push(message),
    firstPauseMs: 1,
    ...more,
  });
const event = (id: string): Event => ({ id, action: "push" });

test("events arrive in their order, many at once where they have waited, with the headers", async () => {
  const one = listener();
  for (let id = 0; id < 250; id++) one.tell(event(String(id)));
  await until("the last", async () => counts.sent === 250);
  expect(came.flatMap(({ ids }) => ids)).toEqual(Array.from({ length: 250 }, (_, id) => String(id)));
  // The first at once.
  expect(came.map(({ ids }) => ids.length)).toEqual([1, 100, 100, 49]);
  expect([came[0]?.token, came[0]?.type]).toEqual(["t", "application/vnd.docker.distribution.events.v1+json"]);
});

test("what is not taken is told again, and a redirect is not followed", async () => {
  statuses = [500, 302, 429];
  const one = listener();
  one.tell(event("a"));
  await until("it", async () => counts.sent === 1);
  expect(came.map(({ ids }) => ids)).toEqual([["a"], ["a"], ["a"], ["a"]]);
  expect(said).toEqual([
    expect.stringContaining(`${server.url.origin}/hook takes no events, which wait for it: it answers 500`),
  ]);
});

test("what nobody ever takes is lost, is said, and holds nothing up; no secret is", async () => {
  statuses = Array(12).fill(503);
  const one = listener();
  one.tell(event("a"));
  await until("its end", async () => counts.failed === 1);
  one.tell(event("b"));
  await until("the next", async () => counts.sent === 1);
  expect(said).toHaveLength(2);
  expect(said.join()).not.toContain("secret");
});

test("of more events than may wait the new ones are lost", async () => {
  statuses = Array(1000).fill(503);
  const one = listener({ maxWaiting: 3, firstPauseMs: 60_000 });
  for (let id = 0; id < 10; id++) one.tell(event(String(id)));
  expect([one.waiting, counts.dropped]).toEqual([3, 7]);
  expect(said.filter((line) => line.includes("new ones are lost"))).toHaveLength(1);
  await one.end(1);
  expect([one.waiting, counts.failed]).toEqual([0, 3]);
});

test("at the end what waits is told first, within its time", async () => {
  statuses = [503];
  const one = listener();
  for (const id of ["a", "b"]) one.tell(event(id));
  await one.end(5000);
  expect(counts).toEqual({ sent: 2 });
});
