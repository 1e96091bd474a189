import { expect, test } from "bun:test";
import { kindOf, messageOf, notFound } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { FakeEngine } from "./fakes.ts";

const op = background();
const noStop = { signal: "", timeout: undefined };
const noRemove = { volumes: false, force: false, link: false };

test("a run makes at most three FULL commits up to its exit, and its removal one", async () => {
  await using engine = await FakeEngine.start();
  engine.commits.length = 0;
  const id = await engine.run("box");
  const { outcome } = await engine.containers.wait(id, "not-running", op);
  engine.runtime.end({ containerId: id }, 3);
  expect(await outcome).toEqual({ StatusCode: 3 });
  expect(engine.commits.filter((durability) => durability === "full").length).toBeLessThanOrEqual(3);
  engine.commits.length = 0;
  await engine.containers.remove(id, noRemove, op);
  expect(engine.commits.filter((durability) => durability === "full")).toHaveLength(1);
  expect(engine.ledger).toMatchObject({ snapshots: new Set(), mounts: new Set(), networks: new Set() });
});

test("events of a container come in the order create, start, kill, die, stop, destroy", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.run("box");
  await engine.containers.stop(id, noStop, op);
  await engine.containers.remove(id, noRemove, op);
  expect(await engine.actions()).toEqual(["create", "start", "kill", "die", "stop", "destroy"]);
});

test("an exit that arrives before the start has answered is told after the start", async () => {
  await using engine = await FakeEngine.start();
  engine.runtime.endsWith = 7;
  const id = await engine.create("box");
  const { outcome } = await engine.containers.wait(id, "next-exit", op);
  await engine.containers.start(id, op);
  expect(await outcome).toEqual({ StatusCode: 7 });
  expect(await engine.actions()).toEqual(["create", "start", "die"]);
});

test("wait answers after the die event, and `removed` after the destroy event", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("box", { HostConfig: { AutoRemove: true } });
  const next = await engine.containers.wait(id, "next-exit", op);
  const removed = await engine.containers.wait(id, "removed", op);
  await engine.containers.start(id, op);
  engine.runtime.end({ containerId: id }, 5);
  await next.outcome;
  expect(await engine.actions()).toContain("die");
  expect(await removed.outcome).toEqual({ StatusCode: 5 });
  expect((await engine.actions()).at(-1)).toBe("destroy");
  expect(await messageFrom(engine.containers.inspect(id, { size: false }, op))).toBe(`No such container: ${id}`);
});

test("stop() kills a process that ignores its signal, and a start in between is refused as nothing to do", async () => {
  await using engine = await FakeEngine.start();
  engine.runtime.deafTo.add(15);
  const id = await engine.run("box");
  const stopping = engine.containers.stop(id, { signal: "", timeout: 0 }, op);
  expect(await kindFrom(engine.containers.start(id, op))).toBe("notModified");
  await stopping;
  expect(engine.runtime.signals).toEqual([15, 9]);
  expect(await engine.status(id)).toBe("exited");
  expect(await kindFrom(engine.containers.stop(id, noStop, op))).toBe("notModified");
});

test("a failed start keeps the status, records code and message, and gives everything back", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("box");
  const message = 'failed to create task for container: exec: "nope": executable file not found in $PATH';
  engine.runtime.failure = Object.assign(new Error(message), { exitCode: 127 });
  expect(await messageFrom(engine.containers.start(id, op))).toBe(message);
  const { State } = await engine.containers.inspect(id, { size: false }, op);
  expect(State).toMatchObject({ Status: "created", ExitCode: 127, Error: message, StartedAt: "0001-01-01T00:00:00Z" });
  expect(engine.ledger.mounts.size + engine.ledger.networks.size).toBe(0);
  expect(await engine.actions()).toEqual(["create"]);
  engine.faults.set("networks.attach", new Error("no address"));
  await expect(engine.containers.start(id, op)).rejects.toThrow("no address");
  expect((await engine.containers.inspect(id, { size: false }, op)).State.ExitCode).toBe(128);
  engine.faults.clear();
  await engine.containers.start(id, op);
  expect(await engine.status(id)).toBe("running");
});

test("who asks to wait for a container that has just gone by itself hears how it ended, by its whole id alone", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("box", { HostConfig: { AutoRemove: true } });
  const { outcome } = await engine.containers.wait(id, "removed", op);
  await engine.containers.start(id, op);
  engine.runtime.end({ containerId: id }, 5);
  await outcome;
  for (const condition of ["not-running", "removed"] as const) {
    expect(await (await engine.containers.wait(id, condition, op)).outcome).toEqual({ StatusCode: 5 });
  }
  for (const ref of ["box", id.slice(0, 12)]) {
    expect(await kindFrom(engine.containers.wait(ref, "not-running", op))).toBe("notFound");
  }
  expect(await kindFrom(engine.containers.wait(id, "next-exit", op))).toBe("notFound");
  const kept = await engine.run("kept", { HostConfig: { AutoRemove: true } });
  await engine.containers.remove(kept, { ...noRemove, force: true }, op);
  expect(await kindFrom(engine.containers.wait(kept, "removed", op))).toBe("notFound");
});

test("a failed start is no exit: who waits for the next one hears of it at the removal", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("box");
  const heard: unknown[] = [];
  const { outcome } = await engine.containers.wait(id, "next-exit", op);
  void outcome.then((response) => heard.push(response));
  engine.runtime.failure = Object.assign(new Error("no such file"), { exitCode: 127 });
  await expect(engine.containers.start(id, op)).rejects.toThrow("no such file");
  expect(heard).toEqual([]);
  await engine.containers.remove(id, noRemove, op);
  await outcome;
  expect(heard).toEqual([{ StatusCode: 127 }]);
});

test("a failed create leaves neither name nor files", async () => {
  await using engine = await FakeEngine.start();
  engine.faults.set("snapshots.prepare", new Error("disk full"));
  await expect(engine.create("box")).rejects.toThrow("disk full");
  engine.faults.clear();
  expect(engine.ledger.snapshots.size).toBe(0);
  await engine.create("box");
});

test("a removal that something resists leaves the container listed as dead, and can be repeated", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("box");
  engine.faults.set("snapshots.remove", new Error("device or resource busy"));
  await expect(engine.containers.remove(id, noRemove, op)).rejects.toThrow("device or resource busy");
  expect(await engine.status(id)).toBe("dead");
  expect(await messageFrom(engine.containers.start(id, op))).toBe(
    "container is marked for removal and cannot be started",
  );
  engine.faults.clear();
  await engine.containers.remove(id, noRemove, op);
  expect(engine.ledger.snapshots.size).toBe(0);
});

test("what a container's status does not allow is refused in dockerd's words", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.create("box");
  const { containers } = engine;
  expect(await messageFrom(containers.pause("box", op))).toBe(`container ${id} is not running`);
  expect(await messageFrom(containers.kill("box", "", op))).toBe(
    `cannot kill container: box: container ${id} is not running`,
  );
  await containers.start(id, op);
  expect(await messageFrom(containers.remove("box", noRemove, op))).toBe(
    'cannot remove container "box": container is running: stop the container before removing or force remove',
  );
  await containers.pause("box", op);
  expect(await messageFrom(containers.pause("box", op))).toBe(`Container ${id} is already paused`);
  expect(await messageFrom(containers.start("box", op))).toBe("cannot start a paused container, try unpause instead");
  expect(await messageFrom(containers.remove("box", noRemove, op))).toBe(
    'cannot remove container "box": container is paused and must be unpaused first',
  );
  await containers.unpause("box", op);
  expect(await messageFrom(containers.unpause("box", op))).toBe(`Container ${id} is not paused`);
  expect(await messageFrom(containers.kill("box", "99", op))).toBe(
    "cannot kill container: box: the linux daemon does not support signal 99",
  );
  expect(await messageFrom(containers.stop("box", { signal: "FOO", timeout: 1 }, op))).toBe(
    "cannot stop container: box: invalid signal: FOO",
  );
  expect(await messageFrom(containers.rename("box", "box", op))).toBe(
    "Renaming a container with the same name as its current name",
  );
  expect(await messageFrom(containers.rename("box", "../x", op))).toBe(
    "Error when allocating new name: Invalid container name (/../x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
  );
});

test("an exec that meets the end of its container is told that it does not run, whatever was missing first", async () => {
  await using engine = await FakeEngine.start();
  for (const failure of [notFound("no running process"), new Error("open /rootfs: ENOENT")]) {
    const id = await engine.create(`box-${messageOf(failure).length}`);
    await engine.containers.start(id, op);
    const { Id } = await engine.containers.execs.create(id, execOf("true"), op);
    engine.runtime.failure = failure;
    const starting = engine.containers.execs.start(Id, { detach: true, tty: false, consoleSize: undefined }, op);
    setTimeout(() => engine.runtime.end({ containerId: id }, 137), 20);
    await expect(starting).rejects.toMatchObject({ kind: "conflict", message: `container ${id} is not running` });
  }
});

test("an exec ends before its container's die event, also when nobody reported its end", async () => {
  await using engine = await FakeEngine.start();
  const id = await engine.run("box");
  const { Id } = await engine.containers.execs.create(id, execOf("sleep", "9"), op);
  await engine.containers.execs.start(Id, { detach: true, tty: false, consoleSize: undefined }, op);
  expect((await engine.containers.execs.inspect(Id, op)).Running).toBe(true);
  const { outcome } = await engine.containers.wait(id, "not-running", op);
  engine.runtime.end({ containerId: id }, 0);
  await outcome;
  expect(await engine.actions()).toEqual([
    "create",
    "start",
    "exec_create: sleep 9",
    "exec_start: sleep 9",
    "exec_die",
    "die",
  ]);
  expect((await engine.containers.execs.inspect(Id, op)).ExitCode).toBe(137);
});

function execOf(...Cmd: string[]) {
  return {
    User: "",
    Privileged: false,
    Tty: false,
    ConsoleSize: undefined,
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    DetachKeys: "",
    Env: null,
    WorkingDir: "",
    Cmd,
  };
}

async function messageFrom(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "no error",
    (error) => messageOf(error),
  );
}

async function kindFrom(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "no error",
    (error) => kindOf(error),
  );
}
