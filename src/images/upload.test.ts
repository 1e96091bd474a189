/** Uploads that break: where they go on, and when they begin anew. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { AuthConfig } from "../api/system.ts";
import { ContentStore } from "../content/content-store.ts";
import { digestOf } from "../lib/digest.ts";
import { RegistryUploads } from "../registry/uploads.ts";
import { type UploadEvent, upload } from "./upload.ts";
import { UploadNotes } from "./upload-notes.ts";

const blob = Buffer.alloc(3 << 20, "a blob of some length ");
const half = blob.length / 2;
const digest = digestOf(blob);
const session = "/v2/box/blobs/uploads/1";
const seconds = { token: 300 };

let dir: string;
let server: Server;
let arrived: Buffer;
/** Methods with the offset that a PATCH began at; tokens that were given. */
let asked: string[];
let given: number;
/** What happens to the n-th PATCH; absent takes it all. */
let patches: ((request: IncomingMessage, response: ServerResponse) => Promise<void>)[];
/** The token that counts. */
let valid: () => string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "dhow-upload-"));
  [arrived, asked, given, patches, valid] = [Buffer.alloc(0), [], 0, [], () => `t${given}`];
  seconds.token = 300;
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function refuse(response: ServerResponse): void {
  response.writeHead(401, { "www-authenticate": `Bearer realm="${origin()}/token",service="s"` }).end();
}

async function take(request: IncomingMessage, limit = Number.POSITIVE_INFINITY): Promise<void> {
  for await (const bytes of request.iterator({ destroyOnReturn: false })) {
    arrived = Buffer.concat([arrived, bytes as Buffer]).subarray(0, limit);
    if (arrived.length >= limit) return;
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url = "" } = request;
  if (url.startsWith("/token")) {
    given++;
    return void response.end(JSON.stringify({ token: `t${given}`, expires_in: seconds.token }));
  }
  if (method !== "PATCH" && request.headers.authorization !== `Bearer ${valid()}`) return refuse(response);
  asked.push(method === "PATCH" ? `PATCH ${arrived.length}` : method);
  const headers = { location: session, range: `0-${Math.max(0, arrived.length - 1)}` };
  if (method === "HEAD") response.writeHead(404).end();
  else if (method === "POST") {
    arrived = Buffer.alloc(0);
    response.writeHead(202, headers).end();
  } else if (method === "GET") response.writeHead(204, headers).end();
  else if (method === "PUT") response.writeHead(digestOf(arrived) === digest ? 201 : 400).end();
  else {
    const fault = patches.shift();
    if (fault) return fault(request, response);
    if (request.headers.authorization !== `Bearer ${valid()}`) return refuse(response);
    await take(request);
    response.writeHead(202, { location: session }).end();
  }
}

async function push(attempts = 3): Promise<UploadEvent[]> {
  const content = new ContentStore(join(dir, "content"));
  mkdirSync(dirname(content.path(digest)), { recursive: true });
  writeFileSync(content.path(digest), blob);
  const auth = { username: "ada", password: "p" } as AuthConfig;
  const { host } = new URL(origin());
  using note = new UploadNotes(join(dir, "notes")).open(host, "box", digest);
  const outgoing = { digest, size: blob.length, pack: false, packed: null, sources: [] };
  const uploads = new RegistryUploads({ domain: host, insecure: [], auth }, "box");
  const events: UploadEvent[] = [];
  const { signal } = new AbortController();
  await upload(content, { uploads, note, blob: outgoing, attempts }, (event) => events.push(event), signal);
  note.drop();
  return events.filter(({ event }) => event !== "progress");
}

const pushed: UploadEvent = { event: "pushed", as: { digest, size: blob.length } };
const cut = async (request: IncomingMessage, limit: number): Promise<void> => {
  await take(request, limit);
  request.socket.destroy();
};

test("upload() whose token runs out in the middle goes on with a new one at the byte where it stopped", async () => {
  patches = [half, half + 1000].map((limit) => async (request, response) => {
    await take(request, limit);
    refuse(response);
  });
  // Two tokens in the time of one attempt: they are no failures.
  expect(await push(2)).toEqual([pushed]);
  expect(asked).toEqual(["HEAD", "POST", "PATCH 0", "GET", `PATCH ${half}`, "GET", `PATCH ${half + 1000}`, "PUT"]);
  expect(given).toBe(3);
});

test("upload() of which a registry hears nothing for want of a token sends it once more", async () => {
  patches = [async (_, response) => refuse(response)];
  expect(await push(2)).toEqual([pushed]);
  expect(asked).toEqual(["HEAD", "POST", "PATCH 0", "GET", "PATCH 0", "PUT"]);
});

test("upload() ends where no token is ever good", async () => {
  patches = Array.from({ length: 20 }, () => async (_: IncomingMessage, response: ServerResponse) => refuse(response));
  await expect(push(3)).rejects.toThrow("new credentials");
  expect(asked.filter((line) => line.startsWith("PATCH"))).toHaveLength(3);
});

test("upload() renews a token before it runs out", async () => {
  seconds.token = 0.001;
  expect(await push()).toEqual([pushed]);
  expect(asked).toEqual(["HEAD", "POST", "PATCH 0", "PUT"]);
  expect(given).toBe(4);
});

test("upload() over a line that breaks again and again gets on, with as many attempts as at the beginning", async () => {
  patches = [1, 2, 3, 4, 5].map((part) => (request) => cut(request, part * 500_000));
  expect((await push(2)).map(({ event }) => event)).toEqual([...Array(5).fill("retrying"), "pushed"]);
  expect(asked.filter((line) => line === "POST")).toHaveLength(1);
  expect(arrived.equals(blob)).toBe(true);
});

test("upload() begins anew where a session gets no further, or its registry refuses it", async () => {
  patches = [
    (request) => cut(request, 1000),
    async (request) => void request.socket.destroy(),
    async (request) => void request.socket.destroy(),
  ];
  expect((await push(4)).at(-1)).toEqual(pushed);
  expect(asked.filter((line) => line === "POST")).toHaveLength(2);
  asked = [];
  patches = [
    (request) => cut(request, 1000),
    async (_, response) => void response.writeHead(416, { connection: "close" }).end(),
  ];
  arrived = Buffer.alloc(0);
  expect((await push(4)).at(-1)).toEqual(pushed);
  expect(asked.filter((line) => line === "POST")).toHaveLength(2);
});
