import { expect, test } from "bun:test";
import { ExecConfig } from "../api/exec.ts";
import { parseWire } from "../api/wire.ts";
import { background } from "../lib/operation.ts";
import type { ResolvedMount } from "../volumes/mounts.ts";
import { FakeEngine, hang } from "./fakes.ts";
import { nextBackoff, shouldRestart } from "./restart-policy.ts";

const op = background();
const noStop = { signal: "", timeout: undefined };

async function inspect(engine: FakeEngine, ref: string) {
  return engine.containers.inspect(ref, { size: false }, op);
}

/** Waits for a condition that a timer of the engine brings about. */
async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("the condition did not come true");
    await Bun.sleep(5);
  }
}

const volumeMount = (name: string): ResolvedMount => ({
  type: "volume",
  name,
  source: `/volumes/${name}`,
  destination: "/data",
  driver: "local",
  mode: "",
  readOnly: false,
  propagation: "",
  nonRecursive: false,
  readOnlyNonRecursive: false,
  readOnlyForceRecursive: false,
  idmap: "",
  createSource: false,
  copyUp: true,
  subpath: "",
  anonymous: true,
  tmpfsOptions: [],
  listed: true,
});

test("a new engine takes a running container back with its pid and start time, and hears its exit", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.run("box");
  const before = await inspect(engine, id);
  await engine.restart();
  const after = await inspect(engine, "box");
  expect(after.State).toEqual(before.State);
  const { outcome } = await engine.containers.wait("box", "not-running", op);
  engine.runtime.end({ containerId: id }, 9);
  expect(await outcome).toEqual({ StatusCode: 9 });
});

test("an exit while no engine was there keeps its code and time", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.run("box");
  engine.runtime.reconnect();
  engine.runtime.end({ containerId: id }, 42, { at: "2026-01-02T03:04:05.678Z" });
  await engine.restart();
  expect((await inspect(engine, id)).State).toMatchObject({
    Status: "exited",
    ExitCode: 42,
    FinishedAt: "2026-01-02T03:04:05.678Z",
  });
  expect(engine.ledger).toMatchObject({ mounts: new Set(), networks: new Set() });
  expect(await engine.actions()).toEqual(["die"]);
  await engine.containers.start(id, op);
});

test("after a reboot a container that ran has ended with 255, and its policy applies", async () => {
  await using engine = await FakeEngine.start();
  const plain = await engine.run("plain");
  const always = await engine.run("always", { HostConfig: { RestartPolicy: { Name: "always" } } });
  engine.runtime.processes.clear();
  engine.ledger.mounts.clear();
  engine.ledger.networks.clear();
  await engine.restart();
  expect((await inspect(engine, plain)).State).toMatchObject({ Status: "exited", ExitCode: 255 });
  await until(async () => (await engine.status(always)) === "running");
});

test("a container whose recorded pid belongs to another process now is not taken for running", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.run("box");
  engine.runtime.processes.clear();
  await engine.restart();
  expect((await inspect(engine, id)).State).toMatchObject({ Status: "exited", Pid: 0 });
  expect(engine.runtime.signals).toEqual([]);
});

test("an unreadable record is listed as dead with its reason, can be removed, and spoils nothing else", async () => {
  await using engine = await FakeEngine.start();
  const bad = await engine.create("bad");
  const good = await engine.run("good");
  for (const document of ["", '{"id":"x', "\0\0\0\0", "null", '{"id":17}']) {
    engine.db.sql.query("UPDATE containers SET document=? WHERE id=?").run(document, bad);
    await engine.restart();
    const { State } = await inspect(engine, bad);
    expect(State.Status).toBe("dead");
    expect(State.Error).toStartWith("the container's record is unreadable: ");
    expect(await engine.status(good)).toBe("running");
    await expect(engine.containers.start(bad, op)).rejects.toThrow("cannot be used");
  }
  await engine.containers.remove(bad, { volumes: false, force: false, link: false }, op);
  await engine.restart();
  await expect(inspect(engine, bad)).rejects.toThrow(`No such container: ${bad}`);
  expect(engine.ledger.snapshots).toEqual(new Set([good]));
});

test("files and layers that no record knows are swept, and unknown processes ended", async () => {
  await using engine = await FakeEngine.start();
  const stranger = "e".repeat(64);
  engine.ledger.snapshots.add(stranger);
  await engine.runtime.start({ id: stranger });
  await engine.restart();
  expect(engine.ledger.snapshots.size).toBe(0);
  expect(await engine.runtime.list()).toEqual([]);
});

test("a removal interrupted after its intent is finished at the next start", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("box");
  engine.db.sql
    .query("INSERT INTO intents (operation, subject, effects) VALUES ('containers.remove', ?, '[]')")
    .run(id);
  await engine.restart();
  await expect(inspect(engine, id)).rejects.toThrow("No such container");
  expect(engine.ledger.snapshots.size).toBe(0);
});

test("a removal interrupted twice still takes the anonymous volumes", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("box");
  engine.faults.set("snapshots.remove", hang);
  void engine.containers.remove(id, { volumes: true, force: false, link: false }, op);
  await until(async () => (await engine.status(id)) === "removing");
  await engine.restart("restored");
  engine.faults.clear();
  await engine.restart();
  await expect(inspect(engine, id)).rejects.toThrow("No such container");
  expect(engine.ledger.released).toEqual([true]);
  expect(engine.intents()).toEqual([]);
});

test("a create interrupted while volumes are filled fills them at the next start", async () => {
  await using engine = await FakeEngine.start();
  engine.ledger.volumes = [volumeMount("data")];
  engine.faults.set("volumes.populate", hang);
  void engine.create("box");
  await until(() => engine.intents().length === 1 && engine.ledger.snapshots.size === 1);
  engine.faults.clear();
  await engine.restart();
  expect(await engine.status("box")).toBe("created");
  expect(engine.ledger.populated).toEqual(["data"]);
  expect(engine.intents()).toEqual([]);
});

test("a create that cannot be finished at the next start is undone, with its anonymous volumes", async () => {
  await using engine = await FakeEngine.start();
  engine.ledger.volumes = [volumeMount("data")];
  engine.faults.set("volumes.populate", hang);
  void engine.create("box");
  await until(() => engine.intents().length === 1 && engine.ledger.snapshots.size === 1);
  engine.faults.set("volumes.populate", new Error("no space left on device"));
  await engine.restart();
  await expect(inspect(engine, "box")).rejects.toThrow("No such container");
  expect(engine.ledger).toMatchObject({ released: [true], snapshots: new Set(), mounts: new Set() });
});

test("shouldRestart() follows the policy, counts on-failure exactly, and lets a manual stop win", () => {
  const policy = (Name: string, MaximumRetryCount = 0) => ({ Name, MaximumRetryCount });
  const ending = { exitCode: 1, manuallyStopped: false, restartCount: 0 };
  expect(shouldRestart(policy("no"), ending)).toBe(false);
  expect(shouldRestart(policy("always"), { ...ending, exitCode: 0 })).toBe(true);
  expect(shouldRestart(policy("always"), { ...ending, manuallyStopped: true })).toBe(false);
  expect(shouldRestart(policy("on-failure"), { ...ending, exitCode: 0 })).toBe(false);
  expect(shouldRestart(policy("on-failure", 3), { ...ending, restartCount: 2 })).toBe(true);
  expect(shouldRestart(policy("on-failure", 3), { ...ending, restartCount: 3 })).toBe(false);
});

test("nextBackoff() doubles from 100 ms to a minute and begins again after ten seconds up", () => {
  expect(nextBackoff(0, 0)).toBe(100);
  expect(nextBackoff(100, 9_999)).toBe(200);
  expect(nextBackoff(51_200, 0)).toBe(60_000);
  expect(nextBackoff(60_000, 10_000)).toBe(100);
});

test("on-failure:2 starts a failing container exactly three times", async () => {
  await using engine = await FakeEngine.start();
  engine.runtime.endsWith = 1;
  const RestartPolicy = { Name: "on-failure", MaximumRetryCount: 2 };
  const id = await engine.run("box", { HostConfig: { RestartPolicy } });
  await until(async () => (await engine.status(id)) === "exited");
  expect(engine.runtime.starts).toBe(3);
  expect((await inspect(engine, id)).RestartCount).toBe(2);
});

test("a signal that is not the image's stop signal leaves the restart policy in force", async () => {
  await using engine = await FakeEngine.start();
  engine.runtime.deafTo.add(1);
  const run = (name: string, more: object) =>
    engine.run(name, { HostConfig: { RestartPolicy: { Name: "always" } }, ...more });
  const reloaded = await run("reloaded", { StopSignal: "SIGQUIT" });
  await engine.containers.kill(reloaded, "HUP", op);
  engine.runtime.end({ containerId: reloaded }, 1);
  await until(async () => (await engine.status(reloaded)) === "restarting");
  const ordered = await run("ordered", {});
  await engine.containers.kill(ordered, "HUP", op);
  engine.runtime.end({ containerId: ordered }, 1);
  await until(async () => (await engine.status(ordered)) === "exited");
});

test("stop() of a container that waits for its restart wins over the timer", async () => {
  await using engine = await FakeEngine.start();
  engine.runtime.endsWith = 1;
  const id = await engine.run("box", { HostConfig: { RestartPolicy: { Name: "always" } } });
  await until(async () => (await engine.status(id)) === "restarting");
  await engine.containers.stop(id, noStop, op);
  expect(await engine.status(id)).toBe("exited");
  await Bun.sleep(250);
  expect(engine.runtime.starts).toBe(1);
});

test("a container that waits for its restart when the engine dies is started by the next one", async () => {
  await using engine = await FakeEngine.start();
  engine.runtime.endsWith = 1;
  const id = await engine.run("box", { HostConfig: { RestartPolicy: { Name: "always" } } });
  await until(async () => (await engine.status(id)) === "restarting");
  engine.runtime.endsWith = null;
  await engine.restart();
  await until(async () => (await engine.status(id)) === "running");
});

test("unless-stopped leaves a container alone that a user stopped before the engine died", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.run("box", { HostConfig: { RestartPolicy: { Name: "unless-stopped" } } });
  await engine.containers.stop(id, noStop, op);
  await engine.restart();
  await Bun.sleep(150);
  expect(await engine.status(id)).toBe("exited");
});

test("execs survive the engine: running ones run, ends are told once, created ones can be started", async () => {
  await using engine = await FakeEngine.start();
  const containerId = await engine.run("box");
  const exec = async () =>
    (await engine.containers.execs.create("box", parseWire(ExecConfig, { Cmd: ["sleep", "9"] }), op)).Id;
  const start = (id: string) =>
    engine.containers.execs.start(id, { detach: true, tty: false, consoleSize: undefined }, op);
  const [runs, ends, waits, old] = [await exec(), await exec(), await exec(), await exec()];
  for (const id of [runs, ends, old]) await start(id);
  engine.runtime.end({ containerId, execId: old }, 3);
  await until(async () => (await engine.containers.execs.inspect(old, op)).ExitCode === 3);
  const { Pid } = await engine.containers.execs.inspect(runs, op);
  engine.runtime.reconnect();
  engine.runtime.end({ containerId, execId: ends }, 7);
  await engine.restart();
  const look = async (id: string) => engine.containers.execs.inspect(id, op);
  expect(await look(runs)).toMatchObject({ Running: true, ExitCode: null, Pid, ContainerID: containerId });
  expect(await look(ends)).toMatchObject({ Running: false, ExitCode: 7 });
  expect(await look(old)).toMatchObject({ Running: false, ExitCode: 3 });
  expect(await look(waits)).toMatchObject({ Running: false, ExitCode: null });
  await start(waits);
  expect(await look(waits)).toMatchObject({ Running: true });
  engine.runtime.end({ containerId, execId: runs }, 5);
  await until(async () => (await look(runs)).ExitCode === 5);
  expect((await engine.actions()).filter((action) => action === "exec_die")).toHaveLength(2);
});
