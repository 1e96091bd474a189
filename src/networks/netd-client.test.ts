import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveLines } from "./netd/lines.ts";
import { protocolVersion } from "./netd/protocol.ts";
import { NetdClient } from "./netd-client.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-netd-client-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("NetdClient closes a connection whose greeting failed, and greets again at the next call", async () => {
  const socket = join(dir, "netd.sock");
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.on("close", () => open.delete(client));
    serveLines(client, () => ({ containers: [], version: protocolVersion }));
  });
  await new Promise<void>((done) => server.listen(socket, done));
  await using client = new NetdClient({
    execRoot: dir,
    socket,
    instance: "x",
    firewall: { ipv4: false, ipv6: false },
    ipForward: false,
    proxies: true,
  });
  let greetings = 0;
  client.onConnect = async () => {
    if (++greetings === 1) throw new Error("an older protocol");
  };
  let lost = 0;
  client.onLost = () => void lost++;
  await expect(client.call("list", {})).rejects.toThrow("an older protocol");
  const deadline = performance.now() + 3000;
  while (open.size > 0 && performance.now() < deadline) await Bun.sleep(2);
  expect(open.size).toBe(0);
  expect(await client.call("list", {})).toMatchObject({ containers: [] });
  expect([open.size, greetings, lost]).toEqual([1, 2, 0]);
  server.close();
});

test("NetdClient asks again where a connection goes unanswered, as one does whose netd is just ending", async () => {
  const execRoot = mkdtempSync(join(dir, "ending-"));
  const socket = join(execRoot, "netd.sock");
  let connections = 0;
  const server = createServer((client) => {
    if (++connections === 1) client.once("data", () => client.destroy());
    else serveLines(client, () => ({ containers: [], version: protocolVersion }));
  });
  await new Promise<void>((done) => server.listen(socket, done));
  const firewall = { ipv4: false, ipv6: false };
  const options = { execRoot, socket, instance: "x", firewall, ipForward: false, proxies: true };
  await using client = new NetdClient(options);
  let lost = 0;
  client.onLost = () => void lost++;
  const both = [client.call("list", {}), client.call("list", {})];
  expect(await Promise.all(both)).toMatchObject([{ containers: [] }, { containers: [] }]);
  expect([connections, lost]).toEqual([2, 0]);
  server.close();
});

test("NetdClient puts a netd of its own in the place of one that speaks another version", async () => {
  const execRoot = mkdtempSync(join(dir, "older-"));
  const socket = join(execRoot, "netd.sock");
  const older = Bun.spawn(
    [
      process.execPath,
      "-e",
      `require("node:net").createServer((c) => c.on("data", (d) => {
        const { id } = JSON.parse(d);
        c.write(JSON.stringify({ id, result: { version: 2, pid: process.pid } }) + "\\n");
      })).listen(${JSON.stringify(socket)}, () => console.log("up"))`,
    ],
    { stdout: "pipe", env: { ...process.env, BUN_BE_BUN: "1" } },
  );
  await older.stdout.getReader().read();
  const options = {
    execRoot,
    socket,
    instance: `older${process.pid}`,
    firewall: { ipv4: false, ipv6: false },
    ipForward: false,
    proxies: true,
  };
  await using client = new NetdClient(options);
  expect(await client.call("list", {})).toEqual([]);
  await older.exited;
  expect(older.signalCode).toBe("SIGKILL");
  expect((await client.call("hello", {})).version).toBe(protocolVersion);
  await client.shutdown();
}, 20_000);
