import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MethodName, protocolVersion, type Request, type StartRequest } from "../supervisor/protocol.ts";
import { connectSupervisor, patienceMs, SupervisorSilent, silence } from "./supervisor-client.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-supervisor-client-"));
const servers: ReturnType<typeof createServer>[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A supervisor that greets, and then does as `answer` says with each request; `say` answers one. */
async function fakeSupervisor(name: string, answer: (request: Request, say: (result: unknown) => void) => void) {
  const heard: Request[] = [];
  const server = createServer((socket: Socket) => {
    socket.on("data", (data) => {
      for (const line of data.toString().trim().split("\n")) {
        const request = JSON.parse(line) as Request;
        const say = (result: unknown) => void socket.write(`${JSON.stringify({ id: request.id, result })}\n`);
        if (request.method === "hello") say({ version: protocolVersion, pid: 1 });
        else heard.push(request);
        answer(request, say);
      }
    });
  });
  servers.push(server);
  const path = join(directory, name);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = await connectSupervisor({
    path,
    onPush: () => {},
    onClose: () => {},
    consoles: { holder: process.pid, consoles: [] },
  });
  return { client, heard, asked: (): MethodName[] => heard.map(({ method }) => method) };
}

const request = { id: "c1" } as StartRequest;

test.concurrent("connectSupervisor() gives a supervisor up that takes the connection and never greets", async () => {
  const open = new Set<Socket>();
  const server = createServer((socket: Socket) => {
    open.add(socket.resume());
    socket.on("close", () => open.delete(socket));
  });
  servers.push(server);
  const path = join(directory, "mute");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const consoles = { holder: process.pid, consoles: [] };
  const greeting = connectSupervisor({ path, onPush: () => {}, onClose: () => {}, consoles });
  await expect(greeting).rejects.toBeInstanceOf(SupervisorSilent);
  while (open.size > 0) await Bun.sleep(10);
}, 20_000);

describe.concurrent("a start", () => {
  test("is waited for as long as the supervisor lives", async () => {
    const { client, asked } = await fakeSupervisor("slow", ({ method }, say) => {
      if (method === "ping") say(null);
      if (method === "start") setTimeout(() => say({ pid: 7 }), patienceMs + 3000);
    });
    expect(await client.call("start", request)).toEqual(expect.objectContaining({ pid: 7 }));
    expect(asked()).toContain("ping");
    client.close();
  }, 20_000);

  test("of a silent supervisor ends in time, and what still came of it is ended", async () => {
    let later: () => void = () => {};
    const { client, heard, asked } = await fakeSupervisor("silent", ({ method }, say) => {
      if (method === "start") later = () => say({ pid: 7 });
    });
    const from = performance.now();
    const sent = Date.now();
    await expect(client.call("start", request)).rejects.toThrow(silence);
    expect(performance.now() - from).toBeLessThan(patienceMs + 3000);
    expect(Math.abs((heard[0]?.expires ?? 0) - sent - patienceMs)).toBeLessThan(500);
    // The next one to ask is told sooner.
    const again = performance.now();
    await expect(client.call("signal", { target: { containerId: "c1" }, signal: 9 })).rejects.toThrow(silence);
    expect(performance.now() - again).toBeLessThan(3000);
    later();
    while (!asked().includes("forget")) await Bun.sleep(10);
    expect(heard.at(-1)?.params).toEqual({ target: { containerId: "c1" } });
    client.close();
  }, 20_000);
});
