import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { serveConnection, type Transaction } from "./connection.ts";

const directory = mkdtempSync("/tmp/dhow-http-");
const path = join(directory, "s.sock");
let server: Server;
let seen: string[] = [];

/** Routes that show one thing each. */
function onRequest(transaction: Transaction): void {
  const { head, body, response } = transaction;
  seen.push(`${head.method} ${head.target}`);
  if (head.target === "/echo") {
    const stream = body.stream();
    const pieces: Buffer[] = [];
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("end", () => response.send(200, Buffer.concat(pieces).toString("latin1")));
    stream.on("error", (error) => response.send(400, error.message));
  } else if (head.target === "/stream") {
    const out = response.stream(200);
    out.write("one");
    out.end("two");
  } else if (head.target === "/take") {
    transaction.hold();
    setTimeout(() => {
      const socket = transaction.takeOver();
      socket.on("data", (data: Buffer) => socket.write(data.toString().toUpperCase()));
      if (socket.readableEnded) socket.end("|ended");
      socket.on("end", () => socket.end("|end"));
      socket.resume();
    }, 30);
  } else if (head.target === "/slow") setTimeout(() => response.send(200, "slow"), 30);
  else response.send(head.target === "/none" ? 204 : 200, head.target);
}

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) =>
    serveConnection(socket, { commonHeaders: "A: b\r\n", onRequest }),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Sends the parts one by one; what came back until the server's end or 300 ms of silence. */
/** What a client sends; some of it only once the server has said something. */
type Part = string | Buffer | { readonly after: string; readonly send: string };

async function talk(parts: readonly Part[], halfClose = false): Promise<{ text: string; ended: boolean }> {
  seen = [];
  const client: Socket = connect({ path, allowHalfOpen: true });
  let text = "";
  let heard = Date.now();
  let ended = false;
  client.on("data", (data: Buffer) => {
    text += data.toString("latin1");
    heard = Date.now();
  });
  client.on("end", () => {
    ended = true;
  });
  client.on("error", () => {});
  for (const part of parts) {
    if (typeof part === "string" || Buffer.isBuffer(part)) client.write(part);
    else {
      while (!text.includes(part.after)) await Bun.sleep(1);
      client.write(part.send);
    }
    await Bun.sleep(1);
  }
  if (halfClose) client.end();
  while (!ended && Date.now() - heard < 300) await Bun.sleep(5);
  client.destroy();
  return { text, ended };
}

const bodies = (text: string): string[] =>
  text
    .split(/HTTP\/1\.1 /)
    .slice(1)
    .map((part) => part.slice(part.indexOf("\r\n\r\n") + 4));
const get = (target: string, headers = ""): string => `GET ${target} HTTP/1.1\r\nHost: d\r\n${headers}\r\n`;

test("requests that come in one packet are answered in their order", async () => {
  const { text, ended } = await talk([get("/slow") + get("/a") + get("/b")]);
  expect([bodies(text), ended]).toEqual([["slow", "/a", "/b"], false]);
});

test("a head may be torn anywhere, and blank lines may stand before it", async () => {
  const { text } = await talk([...`\r\n\r\n${get("/torn")}`]);
  expect(bodies(text)).toEqual(["/torn"]);
  expect(text).toStartWith("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\nDate: ");
});

test("a body is read by its length or its chunks, torn anywhere, and the next request stands behind it", async () => {
  const byLength = `POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\nhello${get("/after")}`;
  expect(bodies((await talk([byLength])).text)).toEqual(["hello", "/after"]);
  const chunked = `POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n00a\r\n0123456789\r\n0\r\nT: v\r\n\r\n`;
  expect(bodies((await talk([chunked + get("/after")])).text)).toEqual(["abc0123456789", "/after"]);
  expect(bodies((await talk([...chunked, get("/after")])).text)).toEqual(["abc0123456789", "/after"]);
});

test("malformed chunks fail the request and end the connection", async () => {
  const head = "POST /echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const body of ["x\r\n", "-1\r\n", "3\r\nabcd\r\n", "3\nabc", `1;${"x".repeat(5000)}`, "ffffffffffffff\r\n"]) {
    const { text, ended } = await talk([head + body]);
    expect([body.slice(0, 20), text.slice(0, 12), ended]).toEqual([body.slice(0, 20), "HTTP/1.1 400", true]);
  }
});

test("a body that nobody reads is passed over", async () => {
  const { text } = await talk([
    `POST /x HTTP/1.1\r\nHost: d\r\nContent-Length: 200000\r\n\r\n${"y".repeat(200_000)}`,
    get("/next"),
  ]);
  expect(bodies(text)).toEqual(["/x", "/next"]);
});

test("a client that waits to be invited is, once the body is wanted, and sent away otherwise", async () => {
  const head = (target: string) =>
    `POST ${target} HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`;
  const wanted = await talk([head("/echo"), { after: "100 Continue", send: "ok" }]);
  expect(wanted.text).toStartWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
  const refused = await talk([head("/no")]);
  expect(refused.text).toStartWith("HTTP/1.1 200 OK\r\n");
  expect([refused.text.includes("Connection: close"), refused.ended]).toEqual([true, true]);
});

test("streams are chunked, and go to the end of the connection for HTTP/1.0", async () => {
  expect((await talk([get("/stream")])).text).toEndWith("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  const old = await talk(["GET /stream HTTP/1.0\r\n\r\n"]);
  expect(old.text).toEndWith("\r\n\r\nonetwo");
  expect(old.ended).toBe(true);
});

test("HEAD and 204 have no body", async () => {
  const { text } = await talk([`HEAD /x HTTP/1.1\r\nHost: d\r\n\r\n${get("/none")}${get("/last")}`]);
  expect(bodies(text)).toEqual(["", "", "/last"]);
});

test("Connection: close ends the connection after its answer; a half-close does too", async () => {
  const closed = await talk([get("/x", "Connection: close\r\n") + get("/never")]);
  expect([bodies(closed.text), closed.ended, seen]).toEqual([["/x"], true, ["GET /x"]]);
  const half = await talk([get("/slow")], true);
  expect([bodies(half.text), half.ended]).toEqual([["slow"], true]);
});

test("an end in the middle of a head or of a body is an error", async () => {
  expect((await talk(["GET /x HT"], true)).text).toStartWith("HTTP/1.1 400 ");
  const torn = await talk(["POST /echo HTTP/1.1\r\nHost: d\r\nContent-Length: 9\r\n\r\nabc"], true);
  expect(torn.text).toEndWith("unexpected EOF");
});

test("a head that is too long is 431, and its pieces cost no more than their sum", async () => {
  const from = performance.now();
  const client = connect(path);
  let text = "";
  client.on("data", (data: Buffer) => {
    text += data.toString("latin1");
  });
  client.on("error", () => {});
  client.write("GET /x HTTP/1.1\r\nHost: d\r\n");
  const piece = `X: ${"y".repeat(60)}\r\n`;
  for (let i = 0; i < 18_000; i++)
    if (!client.write(piece)) await new Promise((resolve) => client.once("drain", resolve));
  while (text === "" && performance.now() - from < 20_000) await Bun.sleep(5);
  client.destroy();
  expect(text).toStartWith("HTTP/1.1 431 ");
});

test("a connection that is taken over gives what came early, and the end", async () => {
  const { text, ended } = await talk(["POST /take HTTP/1.1\r\nHost: d\r\n\r\nearly ", "later"], true);
  expect([text, ended]).toEqual(["EARLY LATER|end", true]);
});

test("a connection that is taken over gives what came with the request and its end in one packet", async () => {
  const all = (text: string) =>
    new Promise<string>((resolve) => {
      const client = connect({ path, allowHalfOpen: true });
      let heard = "";
      client.on("data", (data: Buffer) => {
        heard += data.toString("latin1");
      });
      client.on("end", () => resolve(heard));
      client.end(text);
    });
  const head = "POST /take HTTP/1.1\r\nHost: d\r\n\r\n";
  for (let i = 0; i < 20; i++) expect(await all(`${head}early`)).toBe("EARLY|end");
  for (let i = 0; i < 20; i++) expect(await all(head)).toMatch(/^\|end(ed)?$/);
});
