import { expect, test } from "bun:test";
import { isDeepStrictEqual } from "node:util";
import type { ContainerStatus } from "../api/containers.ts";
import { type EndpointSettings, emptyEndpoint } from "../api/networks.ts";
import { isKind, kindOf } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { FakeEngine } from "./fakes.ts";

const op = background();

test("of fifty concurrent creates of one name one succeeds and the others conflict", async () => {
  await using engine = await FakeEngine.start();
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => engine.create("one")));
  const made = results.filter((result) => result.status === "fulfilled");
  expect(made).toHaveLength(1);
  for (const result of results) {
    if (result.status === "rejected") expect(kindOf(result.reason)).toBe("conflict");
  }
  const [first] = made;
  const id = first?.status === "fulfilled" ? first.value : "";
  const refusal = results.find((result) => result.status === "rejected");
  expect(String(refusal?.status === "rejected" && refusal.reason.message)).toBe(
    `Conflict. The container name "/one" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
  expect(engine.ledger.snapshots.size).toBe(1);
  await engine.containers.remove("one", { volumes: false, force: false, link: false }, op);
  await engine.create("one");
});

test("of fifty concurrent removals one succeeds and the others find it gone or in progress", async () => {
  await using engine = await FakeEngine.start();
  await engine.run("one");
  const query = { volumes: false, force: true, link: false };
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, () => engine.containers.remove("one", query, op)),
  );
  expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
  for (const result of results) {
    if (result.status === "rejected") expect(["conflict", "notFound"]).toContain(kindOf(result.reason));
  }
  expect((await engine.actions()).filter((action) => action === "destroy")).toHaveLength(1);
});

type Verb = "start" | "stop" | "kill" | "pause" | "unpause" | "restart" | "exit" | "remove";
const verbs: readonly Verb[] = ["start", "stop", "kill", "pause", "unpause", "restart", "exit", "remove"];

/** What the container must be after a verb, alone: the whole state machine, said a second time. */
const model: Record<Verb, Partial<Record<ContainerStatus, ContainerStatus>>> = {
  start: { created: "running", exited: "running" },
  stop: { running: "exited", paused: "exited" },
  kill: { running: "exited", paused: "exited" },
  pause: { running: "paused" },
  unpause: { paused: "running" },
  restart: { created: "running", exited: "running", running: "running", paused: "running" },
  exit: { running: "exited", paused: "exited" },
  remove: { created: "removing", exited: "removing" },
};

async function act(engine: FakeEngine, ref: string, verb: Verb): Promise<void> {
  const { containers } = engine;
  const stop = { signal: "", timeout: 1 };
  if (verb === "start") return containers.start(ref, op);
  if (verb === "stop") return containers.stop(ref, stop, op);
  if (verb === "kill") return containers.kill(ref, "", op);
  if (verb === "pause") return containers.pause(ref, op);
  if (verb === "unpause") return containers.unpause(ref, op);
  if (verb === "restart") return containers.restart(ref, stop, op);
  if (verb === "remove") return containers.remove(ref, { volumes: false, force: false, link: false }, op);
  const id = containers.resolve(ref);
  const { outcome } = await containers.wait(id, "not-running", op);
  engine.runtime.end({ containerId: id }, 1);
  await outcome;
}

test("a random walk of 10,000 verbs agrees with the model", async () => {
  await using engine = await FakeEngine.start();
  await engine.create("one");
  let expected: ContainerStatus = "created";
  for (let step = 0; step < 10_000; step++) {
    // `remove` seldom, else little else would be seen.
    const verb = verbs[Math.floor(Math.random() * (step % 9 ? 7 : 8))] ?? "start";
    const next: ContainerStatus | undefined = model[verb][expected];
    const allowed = next !== undefined || verb === "exit";
    const outcome = await act(engine, "one", verb).then(
      () => true,
      (error) => {
        expect(isKind(error, "conflict", "notModified")).toBe(true);
        return false;
      },
    );
    expect([step, verb, expected, outcome]).toEqual([step, verb, expected, allowed]);
    if (next === "removing") {
      await engine.create("one");
      expected = "created";
    } else expected = next ?? expected;
    expect(await engine.status("one")).toBe(expected);
  }
  expect(engine.ledger.mounts.size).toBeLessThanOrEqual(1);
}, 60_000);

test("10,000 verbs at once, eight at a time, leave states that agree with what runs", async () => {
  await using engine = await FakeEngine.start();
  const names = ["one", "two", "three"];
  for (const name of names) await engine.create(name);
  const walk = async (): Promise<void> => {
    for (let step = 0; step < 1250; step++) {
      const name = names[Math.floor(Math.random() * names.length)] ?? "one";
      const verb = verbs[Math.floor(Math.random() * verbs.length)] ?? "start";
      try {
        if (verb === "exit") engine.runtime.end({ containerId: engine.containers.resolve(name) }, 1);
        else await act(engine, name, verb);
        if (verb === "remove") await engine.create(name).catch(() => {});
      } catch (error) {
        expect([verb, kindOf(error)]).toEqual([verb, expect.stringMatching(/^(conflict|notModified|notFound)$/)]);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, walk));
  const live = new Set<string>();
  const settled = async (): Promise<boolean> => {
    const running = (await engine.runtime.list()).filter(({ exit }) => !exit).map((process) => process.containerId);
    const query = { all: true, limit: 0, size: false, filters: new Map() };
    const shown = (await engine.containers.list(query, op)).filter(({ State }) => /^(running|paused)$/.test(State));
    live.clear();
    for (const id of running) live.add(id);
    return isDeepStrictEqual(new Set(shown.map(({ Id }) => Id)), live);
  };
  // The end of a process reaches its container a moment later.
  for (let n = 0; n < 500 && !(await settled()); n++) await Bun.sleep(2);
  expect(await settled()).toBe(true);
  expect(engine.ledger.networks).toEqual(live);
  expect(engine.ledger.mounts.size).toBe(live.size);
}, 60_000);

test("a network that comes while the container starts is connected once it runs, never only recorded", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("one");
  const connected: string[] = [];
  const connect = async ({ containerId }: { containerId: string }): Promise<EndpointSettings> => {
    expect(await engine.status(containerId)).toBe("running");
    connected.push(containerId);
    return emptyEndpoint();
  };
  const change = { running: connect, stopped() {}, keyOf: () => undefined };
  const starting = engine.containers.start(id, op);
  await engine.containers.setEndpoint(id, "net", emptyEndpoint(), change);
  await starting;
  expect(connected).toEqual([id]);
  expect(engine.containers.committable(id).record.endpoints).toHaveProperty("net");
  const refuse = { ...change, running: () => Promise.reject(new Error("no addresses")) };
  await expect(engine.containers.setEndpoint(id, "full", emptyEndpoint(), refuse)).rejects.toThrow("no addresses");
  expect(engine.containers.committable(id).record.endpoints).not.toHaveProperty("full");
  const removing = engine.containers.remove(id, { volumes: false, force: true, link: false }, op);
  await expect(engine.containers.setEndpoint(id, "net", null, change)).rejects.toThrow("No such container");
  await removing;
});
