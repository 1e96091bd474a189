import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { completeBackends } from "./backends.ts";
import { createHandlers } from "./handlers/all.ts";
import type { HostAddress } from "./host-address.ts";
import { openListeners } from "./listeners.ts";
import { createLogger } from "./log.ts";
import { createApi } from "./server.ts";

const directory = mkdtempSync("/tmp/dhow-listen-");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const log = createLogger({ level: "fatal", format: "text" });
const api = createApi({ handlers: createHandlers(completeBackends({})), log });

const open = (hosts: HostAddress[], inherited: number[] = []) =>
  openListeners({ hosts, group: "0", groupWanted: false, tls: undefined, serve: api.serve, log, inherited });

/** TCP sockets in state LISTEN that this process owns, as /proc/net/tcp{,6} tells. */
function listeningPorts(): string[] {
  return ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap((path) =>
    readFileSync(path, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === "0A")
      .map((fields) => `${fields[1]} ${fields[9]}`),
  );
}

const ping = async (path: string): Promise<string> => (await fetch("http://d/_ping", { unix: path })).text();

test("openListeners() gives the socket its mode and takes it away at the end", async () => {
  const path = join(directory, "a.sock");
  const before = listeningPorts();
  const listeners = await open([{ kind: "unix", path }]);
  expect((statSync(path).mode & 0o777).toString(8)).toBe("660");
  expect(await ping(path)).toBe("OK");
  expect(listeningPorts()).toEqual(before);
  await listeners[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(false);
});

test("openListeners() replaces a stale socket but never one that answers", async () => {
  const path = join(directory, "b.sock");
  const stale = Bun.spawnSync([
    "python3",
    "-c",
    `import socket; s=socket.socket(socket.AF_UNIX); s.bind(${JSON.stringify(path)}); s.listen()`,
  ]);
  expect([stale.exitCode, existsSync(path)]).toEqual([0, true]);
  const listeners = await open([{ kind: "unix", path }]);
  await expect(open([{ kind: "unix", path }])).rejects.toThrow("in use by another process");
  expect(await ping(path)).toBe("OK");
  await listeners[Symbol.asyncDispose]();
});

/** What systemd does: a listening socket as descriptor 3, and two variables that say so. */
const handOver = `
import os, socket, sys
tcp = sys.argv[1] == "tcp"
s = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX); s.bind(("127.0.0.1", 0) if tcp else sys.argv[1]); s.listen()
os.environ["PORT"] = str(s.getsockname()[1]) if tcp else ""
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
`;

test("openListeners() serves a socket that systemd handed over, and opens no TCP port for it", async () => {
  const path = join(directory, "c.sock");
  const program = `
    import { openListeners, takeInheritedSockets } from ${JSON.stringify(join(import.meta.dir, "listeners.ts"))};
    import { createApi } from ${JSON.stringify(join(import.meta.dir, "server.ts"))};
    import { createHandlers } from ${JSON.stringify(join(import.meta.dir, "handlers/all.ts"))};
    import { completeBackends } from ${JSON.stringify(join(import.meta.dir, "backends.ts"))};
    import { createLogger } from ${JSON.stringify(join(import.meta.dir, "log.ts"))};
    import { readFileSync } from "node:fs";
    const log = createLogger({ level: "fatal", format: "text" });
    const api = createApi({ handlers: createHandlers(completeBackends({})), log });
    const inherited = takeInheritedSockets(process.env);
    const hosts = [{ kind: "fd" }];
    await openListeners({ hosts, group: "0", groupWanted: false, tls: undefined, serve: api.serve, log, inherited });
    const reply = await fetch("http://d/_ping", { unix: process.argv[1] });
    const sockets = new Set(require("node:fs").readdirSync("/proc/self/fd").map((fd) => {
      try { return require("node:fs").readlinkSync("/proc/self/fd/" + fd) } catch { return "" }
    }));
    const tcp = ["tcp", "tcp6"].flatMap((name) => readFileSync("/proc/self/net/" + name, "utf8").split("\\n").slice(1))
      .map((line) => line.trim().split(/ +/))
      .filter((fields) => fields[3] === "0A" && sockets.has("socket:[" + fields[9] + "]"));
    console.log(await reply.text(), tcp.length, process.env.LISTEN_FDS ?? "gone");
    process.exit(0);
  `;
  const child = Bun.spawn(["python3", "-c", handOver, path, process.execPath, "-e", program, path], {
    stderr: "inherit",
  });
  expect((await new Response(child.stdout).text()).trim()).toBe("OK 0 gone");
});

test("openListeners() keeps browsers away from a TCP socket that systemd handed over", async () => {
  const program = `
    import { openListeners, takeInheritedSockets } from ${JSON.stringify(join(import.meta.dir, "listeners.ts"))};
    import { createApi } from ${JSON.stringify(join(import.meta.dir, "server.ts"))};
    import { createHandlers } from ${JSON.stringify(join(import.meta.dir, "handlers/all.ts"))};
    import { completeBackends } from ${JSON.stringify(join(import.meta.dir, "backends.ts"))};
    import { createLogger } from ${JSON.stringify(join(import.meta.dir, "log.ts"))};
    const log = createLogger({ level: "fatal", format: "text" });
    const api = createApi({ handlers: createHandlers(completeBackends({})), log });
    const inherited = takeInheritedSockets(process.env);
    const hosts = [{ kind: "fd" }];
    await openListeners({ hosts, group: "0", groupWanted: false, tls: undefined, serve: api.serve, log, inherited });
    const get = async (headers) => (await fetch("http://127.0.0.1:" + process.env.PORT + "/_ping", { headers })).status;
    console.log(await get({}), await get({ Origin: "http://evil" }), await get({ Host: "evil.example" }));
    process.exit(0);
  `;
  const child = Bun.spawn(["python3", "-c", handOver, "tcp", process.execPath, "-e", program], { stderr: "inherit" });
  expect((await new Response(child.stdout).text()).trim()).toBe("200 403 403");
});

test("openListeners() refuses fd:// without systemd", async () => {
  await expect(open([{ kind: "fd" }])).rejects.toThrow("socket activation");
});

test("a TCP listener refuses browsers and unknown hosts before any handler", async () => {
  const listeners = await open([{ kind: "tcp", host: "127.0.0.1", port: 0 }]);
  const port = Number(/^tcp:\/\/127\.0\.0\.1:(\d+)$/.exec(listeners.addresses[0] ?? "")?.[1]);
  const get = async (headers: Record<string, string>) =>
    (await fetch(`http://127.0.0.1:${port}/_ping`, { headers })).status;
  expect(await get({})).toBe(200);
  expect(await get({ Host: "localhost:1" })).toBe(200);
  expect(await get({ Origin: "http://evil" })).toBe(403);
  expect(await get({ "Sec-Fetch-Site": "none" })).toBe(403);
  expect(await get({ Host: "evil.example" })).toBe(403);
  expect(await get({ "Content-Type": "multipart/form-data; boundary=x" })).toBe(403);
  await listeners[Symbol.asyncDispose]();
});
