import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProxy } from "./agent-proxy.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-agent-"));
afterAll(() => rmSync(root, { recursive: true }));

/** An agent that says back what it is told. */
async function echo(): Promise<{ open(): Promise<Socket>; stop(): void; count: () => number }> {
  let count = 0;
  const path = join(root, crypto.randomUUID());
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    count++;
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { open: async () => connect({ path, allowHalfOpen: true }), stop: () => server.close(), count: () => count };
}

function answer(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

test("AgentProxy.listen() passes both ways, at a path longer than a socket's name, and to the end of each side", async () => {
  const agent = await echo();
  const directory = join(root, "d".repeat(120));
  mkdirSync(directory);
  const path = join(directory, "0");
  {
    await using _proxy = await AgentProxy.listen(path, agent.open);
    const short = join(root, "short");

    symlinkSync(directory, short);
    const socket = connect({ path: join(short, "0"), allowHalfOpen: true });
    const heard = answer(socket);
    socket.end("hello");
    expect(await heard).toBe("hello");
  }
  agent.stop();
});

test("AgentProxy ends a connection whose agent cannot be reached, and goes on", async () => {
  let tries = 0;
  const agent = await echo();
  const path = join(root, "refusing");
  await using _proxy = await AgentProxy.listen(path, async () => {
    if (tries++ === 0) throw new Error("gone");
    return await agent.open();
  });
  expect(await answer(connect(path))).toBe("");
  const socket = connect({ path, allowHalfOpen: true });
  const heard = answer(socket);
  socket.end("again");
  expect(await heard).toBe("again");
  agent.stop();
});

test("AgentProxy opens no more than its share of connections at once, and closes all of them at its end", async () => {
  const agent = await echo();
  const path = join(root, "many");
  const proxy = await AgentProxy.listen(path, agent.open);
  const sockets = Array.from({ length: 100 }, () => connect(path));
  const ends = sockets.map(answer);
  const refused = await Promise.race([Promise.any(ends.slice(64)), Bun.sleep(5000).then(() => "none")]);
  expect(refused).toBe("");
  await Bun.sleep(50);
  expect(agent.count()).toBe(64);
  await proxy[Symbol.asyncDispose]();
  expect(await Promise.all(ends)).toEqual(ends.map(() => ""));
  agent.stop();
});
