/** Many builds at once, clients killed among them, and engines killed while they give a result or a cache out. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { slowness, until } from "../harness/command.ts";
import { startInTime } from "../harness/crash.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-build-load-"));
afterAll(() => rmSync(root, { recursive: true }));
let clean: Ledger;
beforeAll(async () => {
  clean = await settledLedger(daemon());
});

function context(name: string, dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
  const path = join(root, name);
  mkdirSync(path);
  for (const [file, text] of Object.entries({ Dockerfile: dockerfile, ...files }))
    writeFileSync(join(path, file), text);
  return path;
}

const spawned = (...args: string[]) =>
  Bun.spawn([dhowBinary, "-H", `unix://${daemon().socket}`, "build", "--progress", "plain", ...args], {
    stdout: "pipe",
    stderr: "pipe",
  });

test(
  "eight builds at once have each its own result, whichever clients are killed, and do what they share once",
  async () => {
    const paths = Array.from({ length: 8 }, (_, i) => {
      const own = Object.fromEntries(Array.from({ length: 50 }, (__, f) => [`f${f}`, `${i} ${f}`]));
      const dockerfile = `FROM busybox AS shared
RUN sleep 0.5; head -c 8 /dev/urandom | od -An -tx1 > /shared
FROM busybox
RUN echo ${i} > /own
COPY --from=shared /shared /shared
COPY . /context/
`;
      return context(`many${i}`, dockerfile, own);
    });
    const builds = paths.map((path, i) => spawned("-t", `many:${i}`, path));
    const decoder = new TextDecoder();
    let shown = "";
    // Two of them go as soon as their builds have begun.
    for await (const bytes of builds[6]!.stderr) {
      shown += decoder.decode(bytes, { stream: true });
      if (shown.includes("RUN")) break;
    }
    for (const killed of builds.slice(6)) killed.kill("SIGKILL");
    const codes = await Promise.all(builds.slice(0, 6).map(({ exited }) => exited));
    expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
    const outputs = await Promise.all(
      codes.map((_, i) => daemon().must("run", "--rm", `many:${i}`, "cat", "/own", "/context/f49", "/shared")),
    );
    const shared = outputs.map((output, i) => {
      expect(output).toStartWith(`${i}\n${i} 49`);
      return output.slice(`${i}\n${i} 49`.length);
    });
    expect(new Set(shared).size).toBe(1);
    await daemon().must("build", "-q", "-t", "many:7", paths[7]!);
    expect(await daemon().must("run", "--rm", "many:7", "cat", "/own")).toBe("7\n");
    await daemon().must("rmi", "-f", ...[0, 1, 2, 3, 4, 5, 7].map((i) => `many:${i}`));
    await daemon().must("builder", "prune", "-af");
    await expectLedger(daemon(), clean);
  },
  60_000 * slowness,
);

/** Takes what it is sent up to a part of it, and then nothing any more. */
async function stalledRegistry(): Promise<{ readonly host: string; readonly stalled: () => boolean } & Disposable> {
  const sockets = new Set<Socket>();
  let uploads = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      // Of TLS it knows nothing.
      if (bytes[0] === 0x16) return void socket.destroy();
      const [, method = "", path = ""] = /^([A-Z]+) (\S+) HTTP/.exec(bytes.toString("latin1")) ?? [];
      if (path === "/v2/") socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
      else if (method === "HEAD" || method === "GET") {
        socket.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
      } else if (method === "POST") {
        socket.write(`HTTP/1.1 202 Accepted\r\nLocation: ${path}1\r\nContent-Length: 0\r\n\r\n`);
      } else if (method !== "") {
        uploads++;
        socket.pause();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    host: `127.0.0.1:${port}`,
    stalled: () => uploads > 0,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test.each(["a result", "a cache"])(
  "kill -9 while %s is given out leaves nothing, and the next build is right",
  async (what) => {
    const d = daemon();
    using registry = await stalledRegistry();
    const path = context(
      what.replace(" ", "-"),
      "FROM busybox\nRUN head -c 30000000 /dev/urandom > /big\nCOPY Dockerfile /d\n",
    );
    // Nobody reads the archive; the registry takes no more of the cache than it has.
    const where =
      what === "a result"
        ? ["-o", "type=tar,dest=-"]
        : ["--cache-to", `type=registry,ref=${registry.host}/c:1,mode=max`];
    const building = spawned(...where, path);
    const decoder = new TextDecoder();
    let shown = "";
    const reading = (async () => {
      for await (const bytes of building.stderr) shown += decoder.decode(bytes, { stream: true });
    })();
    await until("it is given out", () =>
      what === "a result" ? shown.includes("exporting to client tarball") : registry.stalled(),
    );
    await d.kill9();
    expect(await building.exited).toBe(1);
    await reading;
    expect(shown).toContain("the daemon went away");
    await startInTime(d);
    await d.must("build", "-q", "-t", "after", path);
    expect(await d.must("run", "--rm", "after", "wc", "-c", "/big")).toBe("30000000 /big\n");
    await d.must("rmi", "-f", "after");
    await d.must("builder", "prune", "-af");
    await expectLedger(d, clean, { fds: false });
  },
  60_000 * slowness,
);
