/**
 * Hardening, section C, at BuildKit's two connections: what HTTP/2, gRPC and Protocol Buffers let a hostile peer try. The daemon's
 * memory stays bounded, others go on meanwhile, and nothing is left (the fixture's ledger counts).
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Control } from "../../src/api/buildkit/control.ts";
import { FileSync, goMode, packetTypes } from "../../src/api/buildkit/files.ts";
import { LLBBridge } from "../../src/api/buildkit/gateway.ts";
import { GrpcClient } from "../../src/lib/grpc/client.ts";
import { maxMessageBytes } from "../../src/lib/grpc/frames.ts";
import { service } from "../../src/lib/grpc/service.ts";
import type { GrpcError } from "../../src/lib/grpc/status.ts";
import type { MessageType } from "../../src/lib/protobuf/message.ts";
import { one } from "../../src/lib/protobuf/message.ts";
import { seeded } from "../fixtures/seeded.ts";
import { slowness, until } from "../harness/command.ts";
import { type FileStat, failureWith } from "../harness/lent-directory.ts";
import {
  callHead,
  flags,
  frame,
  grpcMessage,
  literal,
  RawHttp2,
  resetStream,
  types,
  windowUpdate,
} from "../harness/raw-http2.ts";
import { upgraded } from "../harness/upgraded.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

const residentBytes = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${daemon().pid}/status`, "utf8"))![1]) * 1024;

/** What a hostile connection may cost: the daemon has just begun, and its heap is still growing. */
const mostBytes = 96 << 20;

const grpc = async (): Promise<GrpcClient> => new GrpcClient(await upgraded(daemon().socket, "/grpc"));

const solve = Control.Solve.path;
const listWorkers = Control.ListWorkers.path;
const call = (stream: number, path: string, ...messages: Uint8Array[]): Buffer =>
  Buffer.concat([
    frame(types.headers, flags.endHeaders, stream, callHead(path)),
    ...messages.map((one, i) => frame(types.data, i === messages.length - 1 ? flags.endStream : 0, stream, one)),
  ]);
const times = (count: number, bytes: Uint8Array): Buffer => Buffer.concat(Array<Uint8Array>(count).fill(bytes));
const openCall = frame(types.headers, flags.endHeaders, 1, callHead(solve));

/** `cut`: the daemon ends the connection; `kept`: it goes on and answers; `waits`: the daemon waits for the peer. */
type Outcome = "cut" | "kept" | "waits";

const attacks: readonly [string, Outcome, (peer: RawHttp2) => Promise<void>, { reads?: boolean }?][] = [
  [
    "calls that are reset at once (CVE-2023-44487)",
    "cut",
    (peer) => peer.flood(5000, (i) => Buffer.concat([call(2 * i + 1, solve), resetStream(2 * i + 1)])),
  ],
  [
    "calls whose windows make the daemon reset them (CVE-2025-8671)",
    "cut",
    (peer) => peer.flood(5000, (i) => Buffer.concat([call(2 * i + 1, solve), windowUpdate(2 * i + 1, 0)])),
  ],
  ["more calls than it may have", "cut", (peer) => peer.flood(5000, (i) => call(2 * i + 1, solve))],
  [
    "a head without end (CVE-2024-27316)",
    "cut",
    async (peer) => {
      await peer.write(frame(types.headers, 0, 1, callHead(solve)));
      await peer.flood(5000, () => frame(types.continuation, 0, 1, literal("x-a", "y".repeat(16_000))));
    },
  ],
  [
    "an endless head of nothing",
    "waits",
    async (peer) => {
      await peer.write(frame(types.headers, 0, 1, callHead(solve)));
      await peer.flood(200, () => times(1000, frame(types.continuation, 0, 1)));
    },
  ],
  [
    "heads that unpack to a thousand times their size",
    "cut",
    (peer) =>
      peer.flood(100, (i) => {
        const first = i === 0 ? literal("x-bomb", "z".repeat(3900), true) : Buffer.alloc(0);
        const bomb = Buffer.concat([callHead(solve), first, Buffer.alloc(8000, 0xbe)]);
        return frame(types.headers, flags.endHeaders, 2 * i + 1, bomb);
      }),
  ],
  ["a flood of settings", "cut", (peer) => peer.flood(500, () => times(1000, frame(types.settings, 0, 0)))],
  [
    "a flood of pings whose answers it does not read",
    "cut",
    (peer) => peer.flood(2000, () => times(1000, frame(types.ping, 0, 0, Buffer.alloc(8)))),
    { reads: false },
  ],
  [
    "calls whose answers it does not read",
    "cut",
    (peer) => peer.flood(20_000, (i) => call(2 * i + 1, listWorkers, grpcMessage())),
    { reads: false },
  ],
  [
    "frames of nothing (CVE-2019-9518)",
    "cut",
    async (peer) => {
      await peer.write(openCall);
      await peer.flood(1000, () => times(1000, frame(types.data, 0, 1)));
    },
  ],
  [
    "a message of single bytes",
    "kept",
    async (peer) => {
      await peer.write(Buffer.concat([openCall, frame(types.data, 0, 1, grpcMessage(undefined, 1 << 20))]));
      await peer.flood(500, () => times(1000, frame(types.data, 0, 1, Buffer.alloc(1))));
    },
  ],
  [
    "more than its window",
    "cut",
    async (peer) => {
      await peer.write(call(1, "/moby.buildkit.v1.Control/Session"));
      await peer.flood(5000, () => frame(types.data, 0, 1, Buffer.alloc(16_384)));
    },
    { reads: false },
  ],
  [
    "a frame that says it is larger than a frame may be",
    "cut",
    async (peer) => {
      await peer.write(Buffer.concat([openCall, frame(types.data, 0, 1, Buffer.alloc(100), 0xff_ffff)]));
      await peer.flood(300, () => Buffer.alloc(65_536));
    },
  ],
  [
    "more padding than there is frame",
    "cut",
    async (peer) =>
      void (await peer.write(Buffer.concat([openCall, frame(types.data, flags.padded, 1, Buffer.from([200, 1]))]))),
  ],
  [
    "broken header compression",
    "cut",
    async (peer) => void (await peer.write(frame(types.headers, 4, 1, Buffer.alloc(5, 0xff)))),
  ],
  ["no HTTP/2 at all", "cut", (peer) => peer.flood(100, () => Buffer.alloc(65_536, 0x41))],
];

describe("a peer of /grpc that sends", () => {
  // All four, or the last is taken for a callback.
  const whole = attacks.map(([name, outcome, attack, options = {}]) => [name, outcome, attack, options] as const);
  test.each(whole)(
    "%s",
    async (_, outcome, attack, options) => {
      await using other = await grpc();
      await other.call(Control.Info, {});
      const before = residentBytes();
      using peer = new RawHttp2(await upgraded(daemon().socket, "/grpc"), options);
      let isOver = false;
      const attacking = attack(peer).finally(() => {
        isOver = true;
      });
      let slowest = 0;
      let most = 0;
      do {
        const begun = performance.now();
        await other.call(Control.Info, {});
        slowest = Math.max(slowest, performance.now() - begun);
        most = Math.max(most, residentBytes());
        await Bun.sleep(5);
      } while (!isOver);
      await attacking;
      if (outcome === "cut" && options.reads !== false) await until("the connection is cut", () => peer.isClosed);
      if (outcome === "kept") {
        const pings = peer.seen(types.ping);
        await peer.write(frame(types.ping, 0, 0, Buffer.alloc(8)));
        await until("a ping is answered", () => peer.seen(types.ping) > pings);
      }
      expect(most - before).toBeLessThan(mostBytes);
      expect(slowest).toBeLessThan(2000 * slowness);
    },
    20_000 * slowness,
  );
});

/** A message whose bytes are whatever a test likes. */
const Raw: MessageType<{ bytes: ReturnType<typeof one<"bytes">> }> = {
  name: "any bytes",
  fields: { bytes: one(1, "bytes") },
  encode: ({ bytes }) => bytes as Uint8Array,
  decode: (bytes) => ({ bytes }),
};

const codeOf = (answer: Promise<unknown>): Promise<number> =>
  answer.then(
    () => 0,
    (error: GrpcError) => error.code,
  );

test("compressed and too large messages are refused, and the connection goes on", async () => {
  const socket = await upgraded(daemon().socket, "/grpc");
  using peer = new RawHttp2(socket);
  await peer.write(call(1, listWorkers, grpcMessage(Buffer.from("x"), 1, true)));
  await peer.write(call(3, listWorkers, grpcMessage(undefined, maxMessageBytes + 1)));
  await peer.write(call(5, listWorkers, grpcMessage(Buffer.from("x"), 100)));
  await until("all three are answered", () => peer.seen(types.headers) === 3);
  await peer.write(call(7, listWorkers, grpcMessage()));
  await until("a good one is", () => peer.seen(types.data) > 0);
});

test("any bytes in place of a message are answered (seeded)", async () => {
  const random = seeded(11);
  await using client = await grpc();
  const paths = [...Object.values(Control), ...Object.values(LLBBridge)].map(({ path }) => path);
  const codes = new Set<number>();
  for (let i = 0; i < 300; i++) {
    const [, name = "", method = ""] = random.pick(paths).split("/");
    const { [method]: target } = service(name, { [method]: [Raw, Raw] });
    // What waits for a build that is not there is not waited for.
    codes.add(await codeOf(client.call(target!, { bytes: random.bytes(random.upTo(60)) }, { deadlineMs: 100 })));
  }
  expect(codes).toContain(3);
  expect([...codes].filter((code) => code === 13 || code === 14)).toEqual([]);
  expect(await codeOf(client.call(Control.Info, {}))).toBe(0);
});

test("a message that would be millions of objects is refused", async () => {
  await using client = await grpc();
  const { Solve } = service("moby.buildkit.v1.Control", { Solve: [Raw, Raw] });
  const before = residentBytes();
  // Empty exporters.
  const answer = client.call(Solve, { bytes: Buffer.from("6a00".repeat(4_000_000), "hex") });
  await expect(answer).rejects.toThrow("malformed moby.buildkit.v1.SolveRequest: too many values");
  expect(residentBytes() - before).toBeLessThan(mostBytes);
});

const sessionHeaders = (id: string, method: string): Record<string, string> => ({
  "X-Docker-Expose-Session-Uuid": id,
  "X-Docker-Expose-Session-Grpc-Method": method,
});

describe("a session", () => {
  test("has an id of its own, and another that comes with it changes nothing", async () => {
    const headers = sessionHeaders("twin", FileSync.DiffCopy.path);
    const twins = await Promise.allSettled([1, 2].map(() => upgraded(daemon().socket, "/session", headers)));
    const opened = twins.flatMap((twin) =>
      twin.status === "fulfilled" ? [new RawHttp2(twin.value, { isClient: false })] : [],
    );
    await until("one is left", () => opened.filter(({ isClosed }) => !isClosed).length === 1);
    await expect(upgraded(daemon().socket, "/session", headers)).rejects.toThrow("session twin already exists");
    await expect(upgraded(daemon().socket, "/session")).rejects.toThrow("the session has no id");
    for (const peer of opened) peer[Symbol.dispose]();
    await until("the id is free", () =>
      upgraded(daemon().socket, "/session", headers).then(
        (socket) => socket.destroy() !== undefined,
        () => false,
      ),
    );
  });

  test("that says nothing holds its own build only, until it ends or the client gives up", async () => {
    const silent = await upgraded(daemon().socket, "/session", sessionHeaders("silent", FileSync.DiffCopy.path));
    await using client = await grpc();
    const gaveUp = new AbortController();
    const request = { session: "silent", frontend: "dockerfile.v0" };
    const first = codeOf(client.call(Control.Solve, { ref: "s1", ...request }, { signal: gaveUp.signal }));
    const second = client.call(Control.Solve, { ref: "s2", ...request }).catch((error: Error) => error.message);
    expect(await codeOf(client.call(Control.Info, {}))).toBe(0);
    gaveUp.abort(new Error("given up"));
    await first;
    silent.destroy();
    expect(await second).toContain("the client's session ended");
  });

  const floods: readonly [string, (peer: RawHttp2) => Promise<void>][] = [
    ["settings", (peer) => peer.flood(500, () => times(1000, frame(types.settings, 0, 0)))],
    [
      "heads without end",
      async (peer) => {
        await until("the daemon asks", () => peer.seen(types.headers) > 0);
        await peer.write(frame(types.headers, 0, 1, literal(":status", "200")));
        await peer.flood(5000, () => frame(types.continuation, 0, 1, literal("x-a", "y".repeat(16_000))));
      },
    ],
    [
      "pieces of a message that is too large",
      async (peer) => {
        await until("the daemon asks", () => peer.seen(types.headers) > 0);
        await peer.write(frame(types.headers, flags.endHeaders, 1, literal(":status", "200")));
        await peer.write(frame(types.data, 0, 1, grpcMessage(undefined, 0xffff_ffff)));
        await peer.flood(500, () => frame(types.data, 0, 1, Buffer.alloc(16_000)));
      },
    ],
  ];
  test.each(floods)("that floods its build with %s fails it, and nothing else", async (what, flood) => {
    await using client = await grpc();
    const before = residentBytes();
    const id = `flood ${what}`;
    const failure = client.call(Control.Solve, { ref: id, session: id, frontend: "dockerfile.v0" }).catch(String);
    const socket = await upgraded(daemon().socket, "/session", sessionHeaders(id, FileSync.DiffCopy.path));
    using peer = new RawHttp2(socket, { isClient: false });
    await flood(peer);
    peer[Symbol.dispose]();
    expect(await failure).toMatch(/session ended|connection was closed|larger than max/);
    expect(residentBytes() - before).toBeLessThan(mostBytes);
    expect(await codeOf(client.call(Control.Info, {}))).toBe(0);
  });
});

describe("a client's directory", () => {
  const kept = (): string[] => {
    const clients = join(daemon().dataRoot, "build", "clients");
    return readdirSync(clients).flatMap((id) => readdirSync(join(clients, id)));
  };
  const file = (path: string, rest: FileStat = {}): FileStat => ({ path, mode: 0o644, size: 1, ...rest });
  const many = Array.from({ length: 300 }, (_, i) => file(`f${String(i).padStart(3, "0")}`));
  const only = (name: string, rest: FileStat): FileStat[] => [{ path: name, ...rest }];

  test.each<[string, FileStat[]]>([
    ["a pipe", only("Dockerfile", { mode: goMode.namedPipe | 0o644 })],
    [
      "a device",
      only("Dockerfile", { mode: goMode.device | goMode.characterDevice | 0o644, devmajor: 1, devminor: 5 }),
    ],
    ["a directory", only("Dockerfile", { mode: (goMode.directory | 0o755) >>> 0 })],
  ])("whose Dockerfile is %s is not read", async (_, beside) => {
    expect(await failureWith(daemon().socket, { files: [], beside })).toContain("Dockerfile is not a regular file");
  });

  test("whose Dockerfile links to the host's files shows none of them", async () => {
    const beside = only("Dockerfile", { mode: goMode.symlink | 0o777, linkname: "/etc/passwd" });
    const failure = await failureWith(daemon().socket, { files: [], beside });
    expect(failure).toContain("failed to read dockerfile: open Dockerfile: no such file or directory");
  });

  test("whose links lead to the host is copied as it is", async () => {
    const links = only("l", { mode: goMode.symlink | 0o777, linkname: "/etc/passwd" });
    expect(await failureWith(daemon().socket, { files: links })).toBe("");
    const copied = await failureWith(daemon().socket, { files: links, dockerfile: "FROM scratch\nCOPY l/x /\n" });
    expect(copied).toContain("not found");
  });

  test("whose file is not as large as it says counts as what it is", async () => {
    await daemon().must("builder", "prune", "-af");
    const files = [file("huge", { size: Number.MAX_SAFE_INTEGER })];
    expect(await failureWith(daemon().socket, { files })).toBe("");
    await using client = await grpc();
    const { record } = await client.call(Control.DiskUsage, {});
    expect(Math.max(...record.map(({ size }) => size))).toBeLessThan(1 << 20);
  });

  test("whose files all come at once is refused, with no descriptor left", async () => {
    const failure = await failureWith(daemon().socket, {
      files: many,
      send: (call, id) => call.send({ type: packetTypes.data, id, data: Buffer.from("x") }),
    });
    expect(failure).toContain("the client sends too many files at once");
    expect(kept()).not.toContain("staging");
  });

  test.each<[string, FileStat, string]>([
    ["a kind that no file has", file("a", { mode: goMode.irregular }), "cannot be sent"],
    ["a socket", file("a", { mode: goMode.socket }), "cannot be sent"],
  ])("with %s is refused", async (_, stat, reason) => {
    expect(await failureWith(daemon().socket, { files: [stat] })).toContain(reason);
  });

  test("that answers with what nobody asked for is refused", async () => {
    const send: Parameters<typeof failureWith>[1]["send"] = (call) =>
      call.send({ type: packetTypes.data, id: 99, data: Buffer.from("x") });
    expect(await failureWith(daemon().socket, { files: [file("a")], send })).toContain(
      "file 99, which nobody asked for",
    );
  });
});
