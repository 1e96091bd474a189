import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveLines } from "./netd/lines.ts";
import { NetdClient } from "./netd-client.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-netd-client-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("NetdClient closes a connection whose greeting failed, and greets again at the next call", async () => {
  const socket = join(dir, "netd.sock");
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.on("close", () => open.delete(client));
    serveLines(client, () => ({ containers: [] }));
  });
  await new Promise<void>((done) => server.listen(socket, done));
  await using client = new NetdClient({ execRoot: dir, socket, instance: "x", firewall: false, ipForward: false });
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
  expect(await client.call("list", {})).toEqual({ containers: [] } as never);
  expect([open.size, greetings, lost]).toEqual([1, 2, 0]);
  server.close();
});
