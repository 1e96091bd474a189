import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect, type Server } from "node:net";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import type { ExecInspectResponse } from "../api/exec.ts";
import { conflict, notFound, notModified, systemError } from "../lib/errors.ts";
import { completeBackends, type PartialBackends } from "./backends.ts";
import { createHandlers } from "./handlers/all.ts";
import { createLogger } from "./log.ts";
import { createApi } from "./server.ts";
import type { StdioSession } from "./stdio-session.ts";

const directory = mkdtempSync("/tmp/dhow-api-");
const socketPath = join(directory, "api.sock");
const logged: string[] = [];
let server: Server;
let closedWith: string[] = [];
let aborted = 0;
let created: unknown;

const never = new Promise<never>(() => {});

/** Echoes stdin in one frame per chunk, then says goodbye at its end. */
function echoSession(tty: boolean): StdioSession {
  const input = new PassThrough();
  const output = new PassThrough();
  output.write("first|");
  input.on("data", (chunk) => output.write(chunk));
  input.on("end", () => output.end("|bye"));
  return { tty, input, output, close: (reason) => closedWith.push(reason) };
}

function inspectedExec(ID: string): ExecInspectResponse {
  const ProcessConfig = { tty: ID === "tty", entrypoint: "sh", arguments: [], privileged: false };
  const streams = { OpenStdin: true, OpenStderr: true, OpenStdout: true, DetachKeys: "" };
  return { ID, Running: false, ExitCode: null, ProcessConfig, ...streams, CanRemove: false, ContainerID: "c", Pid: 0 };
}

const fake: PartialBackends = {
  containers: {
    list: async (query) => {
      if (query.all) throw new TypeError("a bug");
      return [];
    },
    create: async (request) => {
      created = request;
      return { Id: "c".repeat(64), Warnings: [] };
    },
    inspect: async (ref) => {
      throw notFound(`No such container: ${ref}`);
    },
    start: async (ref, op) => {
      op.timings.record("fake step", 1.5);
      if (ref === "running") throw notModified("");
    },
    remove: async () => {
      throw conflict("it runs");
    },
    logs: async () => ({ tty: false, output: Readable.from([Buffer.from("log")]) }),
    export: async (ref) => {
      if (ref !== "huge") return Readable.from([Buffer.from("tar")]);
      let sent = 0;
      return new Readable({
        read() {
          this.push(sent++ < 4096 ? Buffer.alloc(65536) : null);
        },
      });
    },
    attach: async (ref) => {
      if (ref === "zz") throw notFound("No such container: zz");
      return echoSession(ref === "tty");
    },
    attachAndStart: async (ref, _query, until) => {
      if (ref === "zz") throw notFound("No such container: zz");
      return { ...echoSession(ref === "tty"), outcome: async () => ({ StatusCode: until === "removed" ? 9 : 8 }) };
    },
    wait: async (ref, _condition, op) => {
      op.signal.addEventListener("abort", () => aborted++);
      return { outcome: ref === "forever" ? never : Bun.sleep(50).then(() => ({ StatusCode: 7 })) };
    },
    statPath: async () => ({ name: "a", size: 1, mode: 420, mtime: "", linkTarget: "" }),
    putArchive: async (_ref, _query, tar) => {
      let size = 0;
      for await (const chunk of tar as AsyncIterable<Buffer>) size += chunk.length;
      created = size;
    },
  },
  exec: {
    create: async () => ({ Id: "e".repeat(64) }),
    inspect: async (id) => inspectedExec(id),
    start: async (id, query) => {
      if (id === "slow") await never;
      return query.detach ? null : echoSession(query.tty);
    },
  },
  images: {
    inspect: async (name) => {
      throw notFound(`No such image: ${name}`);
    },
    pull: async (request, progress) => {
      if (request.fromImage === "early") throw systemError("no registry");
      progress({ status: "Pulling" });
      if (request.fromImage === "late") throw systemError("cut off");
    },
    load: async () => {
      throw systemError("unexpected EOF");
    },
  },
  system: {
    async *events(_query, op) {
      op.signal.addEventListener("abort", () => aborted++);
      const Actor = { ID: "x", Attributes: { image: "busybox" } };
      yield {
        Type: "container",
        Action: "start",
        Actor,
        scope: "local",
        time: 1,
        timeNano: 1_700_000_000_000_000_001n,
      };
      await never;
    },
  },
};

beforeAll(async () => {
  const log = createLogger({ level: "debug", format: "text" }, (line) => logged.push(line));
  server = createApi({ handlers: createHandlers(completeBackends(fake)), log }).serve({});
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Reply {
  status: number;
  headers: IncomingMessage["headers"];
  text: string;
}

function call(
  method: string,
  path: string,
  options: { body?: string | Buffer; headers?: Record<string, string> } = {},
) {
  return new Promise<Reply>((resolve, reject) => {
    const { body, headers } = options;
    const sent: ClientRequest = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const jsonType = { "Content-Type": "application/json" };
const messageOfReply = (reply: Reply): string => JSON.parse(reply.text).message;

/** Sends `parts` with a pause after each, half-closes when asked, and gives what came back until the end. */
function raw(parts: readonly (string | Buffer)[], options: { halfClose?: boolean; waitMs?: number } = {}) {
  return new Promise<{ text: string; ended: boolean }>((resolve) => {
    const client = connect({ path: socketPath, allowHalfOpen: true });
    let text = "";
    client.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    const timer = setTimeout(() => {
      client.destroy();
      resolve({ text, ended: false });
    }, options.waitMs ?? 1500);
    client.on("end", () => {
      clearTimeout(timer);
      client.destroy();
      resolve({ text, ended: true });
    });
    client.on("error", () => {});
    void (async () => {
      for (const part of parts) {
        client.write(part);
        await Bun.sleep(20);
      }
      if (options.halfClose) client.end();
    })();
  });
}

test("the server answers an unknown path and a wrong method as dockerd does", async () => {
  for (const [method, path] of [
    ["GET", "/nope"],
    ["PATCH", "/containers/json"],
    ["GET", "/v1.44/../info"],
    ["GET", "//containers/json"],
    ["GET", "/containers/%2e%2e/json"],
    ["GET", "/v1.51/"],
  ] as const) {
    const reply = await call(method, path);
    expect([path, reply.status, reply.text]).toEqual([path, 404, '{"message":"page not found"}\n']);
    expect(reply.headers.location).toBeUndefined();
  }
});

test("the server sends the common headers with every reply", async () => {
  for (const path of ["/_ping", "/nope", "/containers/json"]) {
    const { headers } = await call("GET", path);
    expect(headers["api-version"]).toBe("1.51");
    expect(headers["docker-experimental"]).toBe("false");
    expect(headers.ostype).toBe("linux");
    expect(headers.server).toContain("dhow/");
  }
});

test("the server negotiates versions in dockerd's words", async () => {
  const tooNew = await call("GET", "/v1.99/info");
  expect([tooNew.status, messageOfReply(tooNew)]).toEqual([
    400,
    "client version 1.99 is too new. Maximum supported API version is 1.51",
  ]);
  const tooOld = await call("GET", "/v1.10/info");
  expect(tooOld.status).toBe(400);
  expect(tooOld.headers["content-type"]).toStartWith("text/plain");
  expect(tooOld.text).toStartWith("client version 1.10 is too old. Minimum supported API version is 1.24,");
  expect((await call("GET", "/v1.24/containers/json")).status).toBe(200);
});

test("the server keeps slashes and escapes of image names", async () => {
  for (const name of ["host:5000/a/b:tag", "host%3A5000%2Fa%2Fb%3Atag"]) {
    const reply = await call("GET", `/v1.44/images/${name}/json`);
    expect([reply.status, messageOfReply(reply)]).toEqual([404, "No such image: host:5000/a/b:tag"]);
  }
});

test("the server answers 501 by name for what has no backend", async () => {
  const info = await call("GET", "/info");
  expect([info.status, messageOfReply(info)]).toEqual([501, "system info is not supported by this engine yet"]);
  expect((await call("POST", "/swarm/init")).status).toBe(501);
});

test("the server answers swarm routes as a node off-swarm", async () => {
  const reply = await call("GET", "/v1.51/services");
  expect(reply.status).toBe(503);
  expect(messageOfReply(reply)).toStartWith("This node is not a swarm manager.");
});

test("the server reads JSON bodies with dockerd's refusals", async () => {
  const create = (body: string | undefined, headers: Record<string, string> = jsonType) =>
    call("POST", "/containers/create", { ...(body !== undefined && { body }), headers });
  const refusals: [string | undefined, Record<string, string>, string][] = [
    [undefined, jsonType, "invalid JSON: got EOF while reading request body"],
    ['{"Image":"x"', jsonType, "invalid JSON: unexpected EOF"],
    ['{"Image":"x"} {}', jsonType, "unexpected content after JSON"],
    ["{}", jsonType, "config cannot be empty in order to create a container"],
    ["null", jsonType, "config cannot be empty in order to create a container"],
    [
      '{"Image":"x"}',
      { "Content-Type": "text/plain" },
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ],
  ];
  for (const [body, headers, message] of refusals) {
    const reply = await create(body, headers);
    expect([body, reply.status, messageOfReply(reply)]).toEqual([body, 400, message]);
  }
  const good = await create('{"Image":"x","Cmd":"sh","HostConfig":{"Memory":9223372036854775807},"Unknown":1}');
  expect([good.status, JSON.parse(good.text).Id]).toEqual([201, "c".repeat(64)]);
  expect(created).toMatchObject({ body: { Cmd: ["sh"], HostConfig: { Memory: 9223372036854775807n } } });
});

test("the server refuses a JSON body over 4 MiB with 413, announced or not", async () => {
  const body = `{"Image":"${"x".repeat(5 * 1024 * 1024)}"}`;
  expect((await call("POST", "/containers/create", { body, headers: jsonType })).status).toBe(413);
  const chunked = { ...jsonType, "Transfer-Encoding": "chunked" };
  expect((await call("POST", "/containers/create", { body, headers: chunked })).status).toBe(413);
});

test("hardening 209: the server streams a large upload in constant memory", async () => {
  const chunk = Buffer.alloc(65536);
  const before = process.memoryUsage().rss;
  let peak = before;
  const size = await new Promise<number>((resolve, reject) => {
    const upload = request(
      { socketPath, method: "PUT", path: "/containers/a/archive?path=/", agent: false },
      (response) => {
        response.resume();
        response.on("end", () => resolve(created as number));
      },
    );
    upload.on("error", reject);
    let left = 8192;
    const more = (): void => {
      while (left-- > 0) {
        peak = Math.max(peak, process.memoryUsage().rss);
        if (!upload.write(chunk)) {
          upload.once("drain", more);
          return;
        }
      }
      upload.end();
    };
    more();
  });
  expect(size).toBe(8192 * 65536);
  expect(peak - before).toBeLessThan(160 * 1024 * 1024);
});

test("the server stops reading a source whose client does not read", async () => {
  const before = process.memoryUsage().rss;
  const client = connect(socketPath);
  client.pause();
  client.write("GET /containers/huge/export HTTP/1.1\r\nHost: d\r\n\r\n");
  await Bun.sleep(300);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  client.destroy();
});

test("the server answers 304 and 204 without a body", async () => {
  expect(await call("POST", "/containers/running/start")).toMatchObject({ status: 304, text: "" });
  expect(await call("POST", "/containers/other/start")).toMatchObject({ status: 204, text: "" });
});

test("the server tells timings only to a client that asks", async () => {
  const asked = await call("POST", "/containers/other/start", { headers: { "Dhow-Timings": "1" } });
  expect(asked.headers["server-timing"]).toMatch(/^fake_step;dur=1\.500, total;dur=[\d.]+$/);
  expect((await call("POST", "/containers/other/start")).headers["server-timing"]).toBeUndefined();
});

test("hardening 129: the server answers a bug with 500 and goes on", async () => {
  const reply = await call("GET", "/containers/json?all=1");
  expect([reply.status, messageOfReply(reply)]).toEqual([500, "a bug"]);
  expect(logged.some((line) => line.includes("level=error") && line.includes("TypeError"))).toBe(true);
  expect((await call("GET", "/_ping")).text).toBe("OK");
});

test("the server reports a failed pull as a status before the first message, in the stream after it", async () => {
  const early = await call("POST", "/images/create?fromImage=early");
  expect([early.status, messageOfReply(early)]).toEqual([500, "no registry"]);
  const late = await call("POST", "/images/create?fromImage=late");
  expect(late.status).toBe(200);
  expect(late.text).toBe('{"status":"Pulling"}\r\n{"errorDetail":{"message":"cut off"},"error":"cut off"}\r\n');
  expect((await call("POST", "/images/create?fromImage=good")).text).toBe('{"status":"Pulling"}\r\n');
});

test("the server reports a failed load in the stream, also as the first thing that it says", async () => {
  const reply = await call("POST", "/images/load?quiet=1");
  expect([reply.status, reply.text]).toEqual([
    200,
    '{"errorDetail":{"message":"unexpected EOF"},"error":"unexpected EOF"}\r\n',
  ]);
});

test("the server sends the headers of a wait before its outcome", async () => {
  const { text } = await raw(["POST /containers/forever/wait HTTP/1.1\r\nHost: d\r\n\r\n"], { waitMs: 200 });
  expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(JSON.parse((await call("POST", "/containers/a/wait")).text)).toEqual({ StatusCode: 7 });
});

test("the server cancels the work of a client that has gone", async () => {
  const before = aborted;
  const client = connect(socketPath);
  client.write("GET /events HTTP/1.1\r\nHost: d\r\n\r\n");
  await Bun.sleep(50);
  client.destroy();
  for (let i = 0; i < 50 && aborted === before; i++) await Bun.sleep(10);
  expect(aborted).toBe(before + 1);
});

test("the server writes events with their old names and exact nanoseconds", async () => {
  const { text } = await raw(["GET /events HTTP/1.1\r\nHost: d\r\n\r\n"], { waitMs: 150 });
  expect(text).toContain('"status":"start","id":"x","from":"busybox"');
  expect(text).toContain('"timeNano":1700000000000000001');
});

const attachHead = "Host: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

test("attach hijacks the connection, passes early bytes and keeps the half-close", async () => {
  closedWith = [];
  const { text, ended } = await raw(
    [`POST /v1.51/containers/a/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n${attachHead}early `, "later"],
    { halfClose: true },
  );
  expect(text).toStartWith("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n");
  expect(text).toEndWith("\r\n\r\nfirst|early later|bye");
  expect(ended).toBe(true);
  expect(closedWith).toEqual(["finished"]);
});

test("attach answers 200 and raw bytes to a client that asked for no upgrade", async () => {
  const { text, ended } = await raw(["POST /containers/a/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: d\r\n\r\n", "in"], {
    halfClose: true,
  });
  expect(text).toStartWith("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n");
  expect(text).toEndWith("\r\n\r\nfirst|in|bye");
  expect(ended).toBe(true);
});

test("attach detaches by keys on a terminal", async () => {
  closedWith = [];
  const { text, ended } = await raw([
    `POST /containers/tty/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n${attachHead}`,
    "a\x10",
    "b\x10",
    "\x11never",
  ]);
  expect(text).toContain("application/vnd.docker.raw-stream");
  expect(text).toEndWith("first|a\x10b");
  expect(ended).toBe(true);
  expect(closedWith).toEqual(["detached"]);
});

const toldHead = `Accept: application/vnd.dhow.session\r\n${attachHead}`;

/** What came after the head, as pairs of stream and text. */
function framesOf(text: string): [number, string][] {
  let bytes = Buffer.from(text.slice(text.indexOf("\r\n\r\n") + 4), "latin1");
  const frames: [number, string][] = [];
  while (bytes.length > 0) {
    const end = 8 + bytes.readUInt32BE(4);
    frames.push([bytes[0]!, bytes.toString("latin1", 8, end)]);
    bytes = bytes.subarray(end);
  }
  return frames;
}

test("a session that tells its end has it as its last frame, and a terminal's output in frames", async () => {
  const { text, ended } = await raw([`POST /containers/tty/attach?stream=1&start=removed HTTP/1.1\r\n${toldHead}in`], {
    halfClose: true,
  });
  expect(text).toStartWith("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.dhow.session\r\n");
  const frames = framesOf(text);
  expect(frames.map(([stream]) => stream).every((stream, i) => stream === (i === frames.length - 1 ? 4 : 1))).toBe(
    true,
  );
  expect(frames.map(([, bytes]) => bytes).join("")).toBe('first|in|bye{"StatusCode":9}');
  expect(ended).toBe(true);
});

test("a client that asks for no told session gets Docker's, also when it starts the container", async () => {
  const { text } = await raw([`POST /containers/a/attach?stream=1&start=next-exit HTTP/1.1\r\n${attachHead}`], {
    halfClose: true,
  });
  expect(text).toContain("Content-Type: application/vnd.docker.multiplexed-stream\r\n");
  expect(text).toEndWith("\r\n\r\nfirst||bye");
});

test("a start that fails is told before the hijack", async () => {
  const { text } = await raw([`POST /containers/zz/attach?stream=1&start=removed HTTP/1.1\r\n${toldHead}`]);
  expect(text).toStartWith("HTTP/1.1 404 Not Found\r\n");
  const odd = await raw([`POST /containers/a/attach?stream=1&start=odd HTTP/1.1\r\n${toldHead}`]);
  expect(odd.text).toContain('invalid condition: \\"odd\\"');
});

test("an exec runs in one request, which names it", async () => {
  const body = '{"Cmd":["x"]}';
  const head = `POST /containers/a/exec/run HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  const { text } = await raw([`${head}${toldHead}${body}`], { halfClose: true });
  expect(text).toContain(`Dhow-Exec-Id: ${"e".repeat(64)}\r\n`);
  const refused = await raw([`${head}${toldHead}{"Cmd": []  }`]);
  expect(refused.text).toContain("No exec command specified");
});

test("attach tells the session when the client vanishes", async () => {
  closedWith = [];
  const client = connect(socketPath);
  client.on("error", () => {});
  client.write(`POST /containers/a/attach?stream=1&stdin=1 HTTP/1.1\r\n${attachHead}`);
  await Bun.sleep(50);
  client.destroy();
  for (let i = 0; i < 50 && closedWith.length === 0; i++) await Bun.sleep(10);
  expect(closedWith.length).toBe(1);
});

test("the head of an exec is sent before its process starts, unless a told session is asked for", async () => {
  const head = `POST /exec/slow/start HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n`;
  const plain = await raw([`${head}${attachHead}{}`], { waitMs: 300 });
  expect(plain.text).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
  expect(plain.text).toEndWith("\r\n\r\n");
  expect((await raw([`${head}${toldHead}{}`], { waitMs: 300 })).text).toBe("");
});

test("attach to nothing fails before the hijack", async () => {
  const { text, ended } = await raw([`POST /containers/zz/attach?stream=1 HTTP/1.1\r\n${attachHead}`]);
  expect(text).toStartWith("HTTP/1.1 404 Not Found\r\n");
  expect(text).toContain("No such container: zz");
  expect(ended).toBe(true);
  const keys = await raw([`POST /containers/a/attach?detachKeys=ctrl-%C3%A4 HTTP/1.1\r\n${attachHead}`]);
  expect(keys.text).toStartWith("HTTP/1.1 400 ");
});

test("exec start reads its body before the stream, and answers a detached one at once", async () => {
  const body = '{"Tty":false}';
  const head = `POST /exec/e/start HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  const { text } = await raw([`${head}${attachHead}${body}stdin`], { halfClose: true });
  expect(text).toStartWith("HTTP/1.1 101 UPGRADED\r\n");
  expect(text).toEndWith("first|stdin|bye");
  const detached = '{"Detach":true}';
  expect(await call("POST", "/exec/e/start", { body: detached, headers: jsonType })).toMatchObject({
    status: 200,
    text: "",
  });
});

test("an upgrade that a route does not take is an ordinary request", async () => {
  const { text } = await raw([
    "GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
  ]);
  expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(text).toEndWith("\r\n\r\nOK");
});

test("hardening 212: the server refuses smuggled and malformed requests with 400 and closes", async () => {
  const head = "POST /containers/create HTTP/1.1\r\nHost: d\r\n";
  const hostile = [
    `${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
    `${head}Content-Length: +5\r\n\r\nabcde`,
    `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    `${head}A: b\r\n c\r\n\r\n`,
    `${head}A: b\0c\r\n\r\n`,
    "GET /_ping HTTP/1.1\nHost: d\n\n",
    "GET /_ping HTTP/1.1\r\n\r\n",
  ];
  for (const request of hostile) {
    const { text, ended } = await raw([request]);
    expect([request, text.slice(0, 12), ended]).toEqual([request, "HTTP/1.1 400", true]);
  }
});

test("hardening 210: the server takes headers and targets of 64 KiB", async () => {
  const headers = { "X-Registry-Config": "a".repeat(64 * 1024) };
  expect((await call("GET", `/_ping?${"a".repeat(64 * 1024)}`, { headers })).status).toBe(200);
});

test("the server refuses filters it does not know, and keeps prototype keys harmless", async () => {
  const filters = (value: string) => call("GET", `/containers/json?filters=${encodeURIComponent(value)}`);
  expect(messageOfReply(await filters('{"zzz":["a"]}'))).toBe("invalid filter 'zzz'");
  expect(messageOfReply(await filters("abc"))).toBe("invalid filter");
  expect(messageOfReply(await filters('{"__proto__":{"a":true}}'))).toBe("invalid filter '__proto__'");
  expect((await filters('{"label":{"a=b":true}}')).status).toBe(200);
});

test("the server's descriptors return to where they were after many attaches", async () => {
  const fds = (): number => readdirSync("/proc/self/fd").length;
  await call("GET", "/_ping");
  const before = fds();
  for (let i = 0; i < 50; i++) {
    await raw([`POST /containers/a/attach?stream=1&stdin=1 HTTP/1.1\r\n${attachHead}x`], { halfClose: true });
  }
  await Bun.sleep(100);
  expect(fds()).toBeLessThanOrEqual(before + 2);
});
