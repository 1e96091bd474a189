import { expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { readdirSync } from "node:fs";
import { proxyUdp } from "./proxy.ts";

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.bind({ address: "127.0.0.1", port: 0 }, done));
  return socket;
}

test("proxyUdp() holds a socket for no more clients than its cap, and answers one that was forgotten when it is back", async () => {
  await using stack = new AsyncDisposableStack();
  const adopt = (socket: Socket): Socket => stack.adopt(socket, (one) => void one.close());
  const echo = adopt(await bound());
  echo.on("message", (data, from) => echo.send(data, from.port, from.address));
  const probe = await bound();
  const { port } = probe.address();
  await new Promise<void>((done) => probe.close(done));
  const target = { address: "127.0.0.1", port: echo.address().port };
  stack.adopt(await proxyUdp("127.0.0.1", port, target, 4), (proxy) => proxy.close());
  const clients: Socket[] = [];
  for (let i = 0; i < 12; i++) clients.push(adopt(await bound()));
  const ask = (client: Socket, text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no answer")), 3000);
      client.once("message", (data) => {
        clearTimeout(timer);
        resolve(String(data));
      });
      client.send(text, port, "127.0.0.1");
    });
  const before = readdirSync("/proc/self/fd").length;
  for (const [i, client] of clients.entries()) expect(await ask(client, `n${i}`)).toBe(`n${i}`);
  expect(readdirSync("/proc/self/fd").length - before).toBeLessThanOrEqual(4);
  expect(await ask(clients[0] as Socket, "again")).toBe("again");
});
