/** Hardening, section F on the compiled binary: where the engine listens, and what it takes from the wire. */
import { expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { connect } from "node:net";
import { run } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

/** Sends bytes as they are; what came back until the engine closed, or for half a second. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(daemon().socket, () => socket.write(text));
    socket.on("data", (data) => {
      answer += data.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
    setTimeout(() => socket.destroy(), 500);
  });
}

test.each(["tcp://127.0.0.1:0", "tcp://0.0.0.0:2375", "tcp://[::1]:2375"])(
  "hardening 113: %s without mutual TLS does not start",
  async (host) => {
    const flags = daemon().flags.filter((flag) => !/^--(host|pidfile|data-root|exec-root)/.test(flag));
    const root = `${daemon().root}/other`;
    const refused = await run(
      [
        dhowBinary,
        "daemon",
        ...flags,
        `--data-root=${root}/d`,
        `--exec-root=${root}/e`,
        `--pidfile=${root}/p`,
        "-H",
        host,
      ],
      { timeoutMs: 10_000 },
    );
    expect(refused.code).not.toBe(0);
    expect(refused.stderr + refused.stdout).toMatch(/tls|insecure/i);
  },
);

test("hardening 115: the socket is 0660, and a second daemon on the same roots is refused by their lock", async () => {
  expect(lstatSync(daemon().socket).mode & 0o777).toBe(0o660);
  const second = await run(
    [
      dhowBinary,
      "daemon",
      ...daemon().flags.filter((flag) => !flag.startsWith("--pidfile")),
      `--pidfile=${daemon().root}/second.pid`,
    ],
    { timeoutMs: 10_000 },
  );
  expect(second.code).not.toBe(0);
  expect((await daemon().api("GET", "/_ping")).status).toBe(200);
});

test.each([
  ["Content-Length and Transfer-Encoding", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"],
  ["two Content-Lengths", "Content-Length: 3\r\nContent-Length: 4\r\n"],
  ["an odd Transfer-Encoding", "Transfer-Encoding: xchunked\r\n"],
  ["a signed length", "Content-Length: +5\r\n"],
])("hardening 117: %s is answered 400 and closed", async (_what, headers) => {
  expect(await raw(`POST /containers/create HTTP/1.1\r\nHost: d\r\n${headers}\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
});

test.each([
  ["/v1.44/../containers/json", 404],
  ["/V1.44/containers/json", 404],
  ["/containers/%2e%2e%2fjson", 404],
])("hardening 118: %s is routed once, as it stands", async (target, status) => {
  expect(await raw(`GET ${target} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n`)).toStartWith(
    `HTTP/1.1 ${status} `,
  );
});

test("hardening 120: a JSON body over 4 MiB is 413", async () => {
  const answer = await fetch("http://d/containers/create", {
    method: "POST",
    unix: daemon().socket,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ Image: "busybox", Labels: { a: "x".repeat(5 << 20) } }),
  });
  expect(answer.status).toBe(413);
});

test("hardening 127: numbers beyond 2^53 come back as they were, after a restart too", async () => {
  const body = '{"Image":"busybox","Cmd":["true"],"HostConfig":{"Memory":9007199254740993}}';
  const made = await fetch("http://d/containers/create?name=exact", {
    method: "POST",
    unix: daemon().socket,
    headers: { "content-type": "application/json" },
    body,
  });
  expect(made.status).toBe(201);
  const text = async () => (await fetch("http://d/containers/exact/json", { unix: daemon().socket })).text();
  expect(await text()).toContain('"Memory":9007199254740993');
  await daemon().restart();
  expect(await text()).toContain('"Memory":9007199254740993');
  await daemon().dhow("rm", "exact");
});

test("hardening 128: credentials stand in no log, at debug level neither", async () => {
  const secret = "s3cret-marker-of-the-test";
  const auth = Buffer.from(JSON.stringify({ username: "u", password: secret })).toString("base64url");
  await fetch("http://d/images/create?fromImage=127.0.0.1:1/x&tag=y", {
    method: "POST",
    unix: daemon().socket,
    headers: { "x-registry-auth": auth },
  }).then((a) => a.text());
  expect(daemon().log()).not.toContain(secret);
  expect(daemon().log()).not.toContain(auth);
});

test("hardening 214, 216: deep JSON and prototype keys are refused or harmless", async () => {
  const post = (body: string) =>
    fetch("http://d/containers/create", {
      method: "POST",
      unix: daemon().socket,
      headers: { "content-type": "application/json" },
      body,
    });
  expect((await post(`{"Image":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)).status).toBe(400);
  const made = await post('{"Image":"busybox","Cmd":["true"],"Labels":{"__proto__":"x","a":"b"}}');
  const { Id } = (await made.json()) as { Id: string };
  expect(
    (await daemon().api<{ Config: { Labels: Record<string, string> } }>("GET", `/containers/${Id}/json`)).body.Config
      .Labels.a,
  ).toBe("b");
  await daemon().dhow("rm", Id);
});
