import { expect, test } from "bun:test";
import { conflict } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { Database } from "../state/database.ts";
import { GarbageCollector, type GcSources } from "./gc.ts";
import { GcClock } from "./gc-clock.ts";

const hour = 3_600_000;

interface FakeImage {
  readonly Id: string;
  readonly ParentId?: string;
  readonly Labels?: Record<string, string>;
  readonly tagged?: string;
}

function harness(images: readonly FakeImage[], db = Database.open(":memory:")) {
  let now = Date.parse("2026-01-10T00:00:00Z");
  const removed: string[] = [];
  const users = new Map<string, number>();
  const clock = new GcClock(db, () => now);
  const logged: string[] = [];
  const sources: GcSources = {
    policy: () => ({ enabled: false, intervalMs: hour, imagesUnusedMs: hour, containersStoppedMs: undefined }),
    clock,
    containers: {
      list: async () => [],
      inspect: () => Promise.reject(new Error("not asked for")),
      remove: () => Promise.reject(new Error("not asked for")),
      usersOfImage: (id) => Array.from({ length: users.get(id) ?? 0 }),
    },
    images: {
      // Only what the collector reads.
      list: async () =>
        images
          .filter(({ Id }) => !removed.includes(Id))
          .map(({ Id, ParentId = "", Labels }) => ({
            Id,
            ParentId,
            Labels,
            RepoTags: [Id],
            Size: 10,
            SharedSize: 4,
          })) as never,
      inspect: async (id) =>
        ({ Metadata: { LastTagTime: images.find(({ Id }) => Id === id)?.tagged ?? "0001-01-01T00:00:00Z" } }) as never,
      async remove(id) {
        if (id === "stuck") throw new Error("no space left on device");
        if (id === "raced") throw conflict("in use");
        removed.push(id);
      },
    },
    emit: () => {},
    log: { info: () => {}, warn: (message) => logged.push(message) },
  };
  return {
    removed,
    users,
    clock,
    logged,
    later: (ms: number) => {
      now += ms;
    },
    collect: (dryRun = false) => new GarbageCollector(sources).run({ dryRun }, background()),
  };
}

const old = "2026-01-01T00:00:00Z";

test("an image goes when its last container has been gone for long enough", async () => {
  const gc = harness([{ Id: "a", tagged: old }]);
  gc.users.set("a", 1);
  expect((await gc.collect()).Images).toEqual([]);
  gc.users.clear();
  gc.clock.imageReleased("a");
  gc.later(hour - 1);
  expect((await gc.collect()).Images).toEqual([]);
  gc.later(1);
  expect(await gc.collect(true)).toMatchObject({ DryRun: true, Images: [{ ID: "a", Size: 6 }], SpaceReclaimed: 6 });
  expect(gc.removed).toEqual([]);
  await gc.collect();
  expect(gc.removed).toEqual(["a"]);
});

test("an image that was never tagged counts from the first collection that sees it, across restarts", async () => {
  const db = Database.open(":memory:");
  const first = harness([{ Id: "a" }], db);
  await first.collect(true);
  const second = harness([{ Id: "a" }], db);
  second.later(hour);
  await second.collect();
  expect(second.removed).toEqual(["a"]);
});

test("labelled images stay, and so does what they were made of; children go before their parents", async () => {
  const gc = harness([
    { Id: "kept", ParentId: "base", Labels: { "dhow.gc": "keep" }, tagged: old },
    { Id: "child", ParentId: "middle", tagged: old },
    { Id: "middle", tagged: old },
    { Id: "base", tagged: old },
  ]);
  expect((await gc.collect(true)).Images.map(({ ID }) => ID)).toEqual(["child", "middle"]);
  await gc.collect();
  expect(gc.removed).toEqual(["child", "middle"]);
});

test("what resists is told and stops nothing; what somebody uses meanwhile is passed over", async () => {
  const gc = harness([
    { Id: "stuck", tagged: old },
    { Id: "raced", tagged: old },
    { Id: "last", tagged: old },
  ]);
  expect((await gc.collect()).Images.map(({ ID }) => ID)).toEqual(["last"]);
  expect(gc.logged).toEqual(["gc: image stuck: no space left on device"]);
});
