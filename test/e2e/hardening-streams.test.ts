/** Hardening, rows 122, 123 and 211: clients that vanish, that stop reading, and that have nothing to say for long. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cycleAttaches, floodResizes } from "../harness/attach-cycles.ts";
import { succeed, until } from "../harness/command.ts";
import { descriptors, enginePids, memoryMib } from "../harness/processes.ts";
import { Wire, type WireRequest } from "../harness/wire.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const cli = (...args: string[]) => daemon().dhow(...args);
const open = (request: WireRequest) => Wire.open(daemon().socket, request);

const attach = "stream=1&stdout=1&stderr=1";
const execIn = async (name: string, ...cmd: string[]): Promise<string> => {
  const body = { AttachStdout: true, Cmd: cmd };
  return (await daemon().api<{ Id: string }>("POST", `/containers/${name}/exec`, body)).body.Id;
};

/** What each process holds once it stands still: a moment after a start its root is held, and a namespace made ready. */
async function settledDescriptors(pids: readonly number[]): Promise<number[]> {
  let last = descriptors(pids);
  for (let calm = 0; calm < 5; ) {
    await Bun.sleep(60);
    const now = descriptors(pids);
    calm = now.join() === last.join() ? calm + 1 : 0;
    last = now;
  }
  return last;
}

/** Waits until each process of the engine holds no more descriptors than it did. */
async function descriptorsBackTo(pids: readonly number[], before: readonly number[]): Promise<void> {
  let now: number[] = [];
  await until("the descriptors to be given back", () => {
    now = descriptors(pids);
    return now.every((count, index) => count <= (before[index] ?? 0) + 1);
  }).catch(() => expect(now).toEqual([...before]));
}

describe.each([
  ["talks", "while :; do echo tick; sleep 0.05; done"],
  ["is silent", "sleep 600"],
])("hardening 122: where a container %s, a client that vanishes gives back every descriptor", (_kind, command) => {
  beforeAll(async () => {
    await cli("run", "-d", "-i", "--name", "left", "busybox", "sh", "-c", command);
  });
  afterAll(async () => {
    await cli("rm", "-f", "left");
  });
  const requests: Record<string, () => WireRequest | Promise<WireRequest>> = {
    logs: () => ({ method: "GET", path: "/containers/left/logs?follow=1&stdout=1" }),
    attach: () => ({ path: `/containers/left/attach?${attach}`, upgrade: true }),
    "attach with stdin": () => ({ path: `/containers/left/attach?${attach}&stdin=1`, upgrade: true }),
    "attach without an upgrade": () => ({ path: `/containers/left/attach?${attach}` }),
    events: () => ({ method: "GET", path: "/events" }),
    stats: () => ({ method: "GET", path: "/containers/left/stats" }),
    wait: () => ({ path: "/containers/left/wait" }),
    exec: async () => ({
      path: `/exec/${await execIn("left", "sh", "-c", `${command} & sleep 1; kill $!`)}/start`,
      upgrade: true,
      body: { Detach: false, Tty: false },
    }),
    export: () => ({ method: "GET", path: "/containers/left/export" }),
    save: () => ({ method: "GET", path: "/images/busybox/get" }),
  };
  test.each(Object.keys(requests))("%s", async (name) => {
    const pids = enginePids(daemon());
    const before = await settledDescriptors(pids);
    for (let round = 0; round < 10; round++) {
      const wire = await open((await requests[name]?.()) ?? { path: "/" });
      expect([101, 200]).toContain(wire.status);
      wire[Symbol.dispose]();
    }
    await descriptorsBackTo(pids, before);
    expect((await cli("inspect", "-f", "{{.State.Running}}", "left")).stdout).toBe("true\n");
  });
});

test("hardening 122: an exec goes on without its client, as Docker's does", async () => {
  await cli("run", "-d", "--name", "leaves", "busybox", "sleep", "600");
  const id = await execIn("leaves", "sh", "-c", "sleep 0.5; echo finished > /tmp/finished");
  const wire = await open({ path: `/exec/${id}/start`, upgrade: true, body: {} });
  wire[Symbol.dispose]();
  await until("the exec to finish", async () => (await cli("exec", "leaves", "cat", "/tmp/finished")).code === 0);
  await cli("rm", "-f", "leaves");
});

test("hardening 122: a pull whose client vanishes stops asking the registry", async () => {
  let asked = 0;
  let dropped = 0;
  const registry = createServer((request, response) => {
    if (request.url === "/v2/") return void response.end();
    asked++;
    response.on("close", () => dropped++);
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  const { port } = registry.address() as AddressInfo;
  const vanish = async (): Promise<void> => {
    const seen = asked;
    const wire = Wire.send(daemon().socket, { path: `/images/create?fromImage=127.0.0.1:${port}/slow&tag=1` });
    await until("the registry to be asked", () => asked > seen);
    expect(dropped).toBe(seen);
    wire[Symbol.dispose]();
    await until("the registry to be left alone", () => dropped === asked);
  };
  await vanish();
  const pids = enginePids(daemon());
  const before = descriptors(pids);
  for (let round = 0; round < 10; round++) await vanish();
  await descriptorsBackTo(pids, before);
  registry.closeAllConnections();
  registry.close();
});

describe("hardening 123: attached readers", () => {
  test("one that stops reading holds up its own stream, never the engine's memory or other clients", async () => {
    const line = "i=0; while [ $i -lt 40 ]; do dd if=/dev/zero bs=1M count=2 2>/dev/null; i=$((i+1)); done; echo end";
    await cli("create", "--name", "floods", "busybox", "sh", "-c", line);
    const before = await memoryMib(daemon());
    const hung = await open({ path: `/containers/floods/attach?${attach}`, upgrade: true });
    hung.pause();
    await cli("start", "floods");
    await Bun.sleep(1500);
    expect((await memoryMib(daemon())) - before).toBeLessThan(48);
    expect((await cli("inspect", "-f", "{{.State.Running}}", "floods")).stdout).toBe("true\n");
    expect((await cli("run", "--rm", "busybox", "echo", "others")).stdout).toBe("others\n");
    hung[Symbol.dispose]();
    const ended = await daemon().api<{ StatusCode: number }>("POST", "/containers/floods/wait");
    expect(ended.body.StatusCode).toBe(0);
    expect((await cli("logs", "--tail", "1", "floods")).stdout).toEndWith("end\n");
    await cli("rm", "floods");
  }, 60_000);

  test("300 that come and go leave nothing behind", async () => {
    await cli("run", "-d", "-i", "--name", "visited", "busybox", "cat");
    await cycleAttaches(daemon(), "visited", 30);
    const pids = enginePids(daemon());
    const [before, memory] = [descriptors(pids), await memoryMib(daemon())];
    await cycleAttaches(daemon(), "visited", 300);
    await descriptorsBackTo(pids, before);
    expect((await memoryMib(daemon())) - memory).toBeLessThan(24);
    expect((await cli("exec", "visited", "echo", "here")).stdout).toBe("here\n");
  }, 60_000);

  test("a resize of an exec that nobody starts ends after ten seconds", async () => {
    const id = await execIn("visited", "true");
    const asked = performance.now();
    const { status, body } = await daemon().api("POST", `/exec/${id}/resize?h=10&w=10`);
    expect([status, body]).toEqual([500, { message: "timeout waiting for exec session ready" }]);
    expect(performance.now() - asked).toBeLessThan(15_000);
  }, 30_000);

  test("resizes flooding an exec that has ended are refused and leave nothing behind", async () => {
    const id = await execIn("visited", "true");
    await daemon().api("POST", `/exec/${id}/start`, { Detach: true });
    type Inspected = { Running: boolean; ExitCode: number | null };
    const inspect = async () => (await daemon().api<Inspected>("GET", `/exec/${id}/json`)).body;
    await until("the exec to end", async () => (await inspect()).ExitCode === 0);
    const pids = enginePids(daemon());
    const before = descriptors(pids);
    const statuses = await floodResizes(daemon(), id, 300);
    expect([...statuses.keys()].every((status) => status >= 400 && status < 500)).toBe(true);
    await descriptorsBackTo(pids, before);
    await cli("rm", "-f", "visited");
  });
});

test("hardening 211: streams with nothing to say for 12 seconds stay open and still end as they should", async () => {
  await cli("run", "-d", "-i", "--name", "silent", "busybox", "cat");
  const exec = await execIn("silent", "sleep", "60");
  const streams: Record<string, Wire> = {
    logs: await open({ method: "GET", path: "/containers/silent/logs?follow=1&stdout=1" }),
    attach: await open({ path: `/containers/silent/attach?${attach}&stdin=1`, upgrade: true }),
    events: await open({ method: "GET", path: "/events" }),
    exec: await open({ path: `/exec/${exec}/start`, upgrade: true, body: {} }),
    wait: await open({ path: "/containers/silent/wait" }),
  };
  await Bun.sleep(12_000);
  for (const [name, stream] of Object.entries(streams)) expect([name, stream.closed]).toEqual([name, false]);
  streams.attach?.write("awake\n");
  for (const name of ["attach", "logs"])
    await until(`${name} to speak`, () => streams[name]?.received.includes("awake\n"));
  await cli("kill", "silent");
  await until("the wait to end", () => streams.wait?.received.includes('"StatusCode":137'));
  await until("the event", () => streams.events?.received.includes('"Action":"die"'));
  for (const stream of Object.values(streams)) stream[Symbol.dispose]();
  await cli("rm", "-f", "silent");
}, 60_000);

/** Starts the exec `argv[2]` on the socket `argv[1]`, reads nothing for a while, and tells what its reads gave. */
const lateReader = `
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
lines = [f"POST /exec/{sys.argv[2]}/start HTTP/1.1", "Host: d", "Content-Type: application/json", "Connection: Upgrade", "Upgrade: tcp", "Content-Length: 2", "", "{}"]
s.sendall(bytes([13, 10]).join(line.encode() for line in lines))
time.sleep(0.5)
first = s.recv(65536)
rest = b""
while chunk := s.recv(65536): rest += chunk
print(first.endswith(bytes([13, 10, 13, 10])), rest[8:].decode().strip())`;

test("output follows the head of a hijacked reply once that is read: docker-py's reader of heads would take it along", async () => {
  await daemon().must("run", "-d", "--name", "late", "busybox", "sleep", "600");
  const id = await execIn("late", "echo", "told");
  expect(await succeed(["python3", "-c", lateReader, daemon().socket, id])).toBe("True told");
  await daemon().must("rm", "-f", "late");
});
