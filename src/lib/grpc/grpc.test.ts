import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import http2 from "node:http2";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { until } from "../../../test/harness/command.ts";
import {
  callHead,
  endlessWindow,
  flags,
  frame,
  grpcMessage,
  RawHttp2,
  types,
} from "../../../test/harness/raw-http2.ts";
import { many, message, one } from "../protobuf/message.ts";
import { GrpcClient, lostConnection } from "./client.ts";
import { maxMessageBytes } from "./frames.ts";
import { bind, type HandlersOf, serveGrpc } from "./server.ts";
import { service } from "./service.ts";
import { GrpcError, statusCodes } from "./status.ts";

const Text = message("test.Text", { text: one(1, "string"), data: one(2, "bytes"), words: many(3, "string") });
const Echo = service("test.Echo", {
  Say: [Text, Text],
  Repeat: [Text, Text, "response"],
  Join: [Text, Text, "request"],
  Talk: [Text, Text, "both"],
});

const opened: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.disposeAsync();
});

/** Not `.rejects`: that runs the event loop inside of whatever callback it stands in, here of HTTP/2's own reader. */
const failureOf = (promise: Promise<unknown>): Promise<GrpcError> =>
  promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: GrpcError) => error,
  );

/** A client, and what serves it, over a unix socket. */
async function pair(handlers: HandlersOf<typeof Echo>): Promise<{ client: GrpcClient; served: Socket }> {
  const own = new AsyncDisposableStack();
  opened.push(own);
  const directory = mkdtempSync(join(tmpdir(), "grpc-"));
  own.defer(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "s");
  const accepted = Promise.withResolvers<Socket>();
  const listener = createServer((socket) => accepted.resolve(socket));
  own.defer(() => void listener.close());
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  const socket = connect(path);
  const served = await accepted.promise;
  serveGrpc(served, new Map(bind(Echo, handlers)));
  const client = new GrpcClient(socket);
  own.use(client);
  return { client, served };
}

test("a call carries its request, metadata and response", async () => {
  const { client } = await pair({
    Say: ({ text }, { metadata }) => ({ text: `${text}!`, words: [...(metadata.get("dir-name") ?? [])] }),
  });
  const metadata = new Map([["dir-name", ["context"]]]);
  expect(await client.call(Echo.Say, { text: "hé" }, { metadata })).toMatchObject({ text: "hé!", words: ["context"] });
  expect(await client.call(Echo.Say, { text: "again" })).toMatchObject({ text: "again!", words: [] });
});

test("metadata keeps several values apart, commas and all", async () => {
  const { client } = await pair({ Say: (_, { metadata }) => ({ words: [...(metadata.get("followpaths") ?? [])] }) });
  const metadata = new Map([["followpaths", ["a, b", "c"]]]);
  expect((await client.call(Echo.Say, {}, { metadata })).words).toEqual(["a, b", "c"]);
});

test("streams of both directions end in their own time", async () => {
  const { client } = await pair({
    Repeat: async ({ text }, call) => {
      for (let i = 0; i < 3; i++) await call.send({ text: `${text}${i}` });
    },
    Join: async (call) => {
      const words: string[] = [];
      for await (const { text } of call.requests) words.push(text);
      return { words };
    },
    Talk: async (call) => {
      for await (const { text } of call.requests) await call.send({ text: text.toUpperCase() });
      await call.send({ text: "bye" });
    },
  });
  const repeated = await Array.fromAsync(client.stream(Echo.Repeat, { text: "x" }), ({ text }) => text);
  expect(repeated).toEqual(["x0", "x1", "x2"]);

  await using join = client.open(Echo.Join);
  await join.send({ text: "a" });
  await join.send({ text: "b" });
  join.end();
  expect(await Array.fromAsync(join.responses, ({ words }) => words)).toEqual([["a", "b"]]);

  await using talk = client.open(Echo.Talk);
  const heard: string[] = [];
  await talk.send({ text: "hi" });
  for await (const { text } of talk.responses) {
    heard.push(text);
    if (heard.length === 1) await talk.send({ text: "there" });
    if (heard.length === 2) talk.end();
  }
  expect(heard).toEqual(["HI", "THERE", "bye"]);
});

test("a failure arrives with its code, text and details", async () => {
  const details = [{ typeUrl: "example/x", value: new Uint8Array([1, 2]) }];
  const { client } = await pair({
    Say: () => {
      throw new GrpcError(statusCodes.notFound, "no such thing: 100 % „weg“\nline", { details });
    },
    Repeat: async (_, call) => {
      await call.send({ text: "one" });
      throw new GrpcError(statusCodes.aborted, "midway", { details });
    },
  });
  const failure = await client.call(Echo.Say, {}).catch((error: GrpcError) => error);
  expect(failure).toMatchObject({ code: 5, kind: "notFound", message: "no such thing: 100 % „weg“\nline" });
  expect((failure as GrpcError).details[0]).toMatchObject({ typeUrl: "example/x" });
  const heard: string[] = [];
  const midway = (async () => {
    for await (const { text } of client.stream(Echo.Repeat, {})) heard.push(text);
  })();
  expect(await failureOf(midway)).toMatchObject({ code: 10, message: "midway", details: [{ typeUrl: "example/x" }] });
  expect(heard).toEqual(["one"]);
});

test("unknown services and methods are named", async () => {
  const { client } = await pair({ Say: () => ({}) });
  const Other = service("other.Thing", { Do: [Text, Text] });
  expect(await failureOf(client.call(Other.Do, {}))).toMatchObject({
    code: 12,
    message: "unknown service other.Thing",
  });
  expect(await failureOf(Array.fromAsync(client.stream(Echo.Repeat, {})))).toMatchObject({
    code: 12,
    message: "unknown method Repeat for service test.Echo",
  });
});

test("a caller that gives up is seen by the handler", async () => {
  const seen = Promise.withResolvers<void>();
  const { client } = await pair({
    Talk: async (call) => {
      await call.send({ text: "begun" });
      call.signal.addEventListener("abort", () => seen.resolve());
      await seen.promise;
    },
  });
  const given = new AbortController();
  await using call = client.open(Echo.Talk, { signal: given.signal });
  const reading = (async () => {
    for await (const _ of call.responses) given.abort(new Error("enough"));
  })();
  expect((await failureOf(reading)).message).toBe("enough");
  await seen.promise;
});

test("a deadline ends a call", async () => {
  const { client } = await pair({ Say: () => Bun.sleep(5000).then(() => ({})) });
  expect(await failureOf(client.call(Echo.Say, {}, { deadlineMs: 50 }))).toMatchObject({ code: 4 });
});

test("a lost connection ends calls and is told", async () => {
  const { client, served } = await pair({
    Talk: async (call) => {
      await call.send({ text: "begun" });
      await new Promise(() => {});
    },
  });
  await using call = client.open(Echo.Talk);
  const reading = (async () => {
    for await (const _ of call.responses) served.destroy();
  })();
  expect(await failureOf(reading)).toMatchObject({ code: 14 });
  await client.closed;
  expect(() => client.open(Echo.Talk)).toThrow("the connection is closed");
});

test("a connection whose other side stops talking is lost, though it is not closed", async () => {
  // As it is with a daemon that was killed: the stream of a hijacked connection ends, and nothing closes it.
  const silent = new Duplex({ allowHalfOpen: true, read() {}, write: (_chunk, _encoding, done) => done() });
  await using client = new GrpcClient(silent);
  const call = failureOf(client.call(Echo.Say, { text: "x" }));
  setTimeout(() => silent.push(null), 10);
  expect((await call).message).toBe(lostConnection);
  expect((await call).code).toBe(statusCodes.unavailable);
});

test("much data goes through in constant pieces, and larger messages are refused", async () => {
  const { client } = await pair({
    Talk: async (call) => {
      let total = 0;
      for await (const { data } of call.requests) total += data.length;
      await call.send({ text: String(total) });
    },
  });
  const piece = new Uint8Array(1 << 20).fill(7);
  await using call = client.open(Echo.Talk);
  for (let i = 0; i < 8; i++) await call.send({ data: piece });
  await call.send({ data: new Uint8Array(maxMessageBytes - 100) });
  call.end();
  expect(await Array.fromAsync(call.responses, ({ text }) => text)).toEqual([
    String((8 << 20) + maxMessageBytes - 100),
  ]);
  await using large = client.open(Echo.Talk);
  expect(await failureOf(large.send({ data: new Uint8Array(maxMessageBytes + 1) }))).toMatchObject({ code: 8 });
});

const lengthsOf = (requests: AsyncIterable<{ data: Uint8Array }>): Promise<string[]> =>
  Array.fromAsync(requests, ({ data }) => String(data.length));

/** A server of `Echo`, and a peer that speaks to it frame by frame. */
async function rawPeer(handlers: HandlersOf<typeof Echo>, options: { reads: boolean }): Promise<RawHttp2> {
  const own = new AsyncDisposableStack();
  opened.push(own);
  const directory = mkdtempSync(join(tmpdir(), "grpc-"));
  own.defer(() => rmSync(directory, { recursive: true }));
  const listener = createServer((socket) => void serveGrpc(socket, new Map(bind(Echo, handlers))));
  own.defer(() => void listener.close());
  await new Promise<void>((resolve) => listener.listen(join(directory, "s"), resolve));
  const socket = connect(join(directory, "s"));
  await new Promise((resolve) => socket.once("connect", resolve));
  return own.use(new RawHttp2(socket, options));
}

test("who sends waits for a peer that lets it send all it likes, and reads nothing", async () => {
  let sent = 0;
  const peer = await rawPeer(
    {
      Repeat: async (_, call) => {
        for (const piece = new Uint8Array(1 << 16); sent < 256 << 20; sent += piece.length) {
          await call.send({ data: piece });
        }
      },
    },
    { reads: false },
  );
  await peer.write(endlessWindow());
  await peer.write(frame(types.headers, flags.endHeaders, 1, callHead(Echo.Repeat.path)));
  await peer.write(frame(types.data, flags.endStream, 1, grpcMessage()));
  await until("something is sent", () => sent > 0);
  for (let before = -1; before < sent; await Bun.sleep(50)) before = sent;
  expect(sent).toBeLessThan(8 << 20);
});

test("a message in single bytes is refused, and those of small pieces are not", async () => {
  const { client, served } = await pair({ Join: async (call) => ({ words: await lengthsOf(call.requests) }) });
  await using call = client.open(Echo.Join);
  for (let i = 0; i < 300; i++) await call.send({ data: new Uint8Array(1) });
  call.end();
  expect((await Array.fromAsync(call.responses))[0]?.words).toHaveLength(300);
  expect(served.destroyed).toBe(false);

  const peer = await rawPeer({ Join: async (call) => ({ words: await lengthsOf(call.requests) }) }, { reads: true });
  await peer.write(frame(types.headers, flags.endHeaders, 1, callHead(Echo.Join.path)));
  await peer.write(frame(types.data, 0, 1, grpcMessage(undefined, 1 << 20)));
  await peer.flood(1000, () => frame(types.data, 0, 1, new Uint8Array(1)));
  await until("the call is ended", () => peer.seen(types.reset) === 1);
});

test("messages that do not come whole are held up to a limit of the connection", async () => {
  const directory = mkdtempSync(join(tmpdir(), "grpc-"));
  const own = new AsyncDisposableStack();
  opened.push(own);
  own.defer(() => rmSync(directory, { recursive: true }));
  const handlers: HandlersOf<typeof Echo> = { Join: async (call) => ({ words: await lengthsOf(call.requests) }) };
  const listener = createServer((socket) => void serveGrpc(socket, new Map(bind(Echo, handlers))));
  own.defer(() => void listener.close());
  await new Promise<void>((resolve) => listener.listen(join(directory, "s"), resolve));
  const socket = connect(join(directory, "s"));
  const session = http2.connect("http://localhost", { createConnection: () => socket });
  own.defer(() => session.destroy());
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const stream = session.request({
        ":method": "POST",
        ":path": Echo.Join.path,
        "content-type": "application/grpc",
      });
      const answered = new Promise<string>((resolve) => {
        stream.on("response", (headers) => resolve(String(headers["grpc-status"])));
        stream.on("error", () => {});
      });
      // All but the last byte of the largest message: the call holds it.
      stream.write(grpcMessage(Buffer.alloc(maxMessageBytes - 1), maxMessageBytes));
      return await Promise.race([answered, Bun.sleep(1500).then(() => "held")]);
    }),
  );
  expect(outcomes.filter((one) => one === "held")).toHaveLength(4);
  expect(outcomes.filter((one) => one === String(statusCodes.resourceExhausted))).toHaveLength(2);
});
