/** Hardening, row 116: a TCP listener serves clients and nothing that a web page can send. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { run } from "../harness/command.ts";
import { dhowBinary, TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";

let daemon: TestDaemon;
let port = 0;

beforeAll(async () => {
  daemon = await TestDaemon.start({ flags: ["--host=tcp://127.0.0.1:0", "--tls=false"] });
  port = Number(/API listen on tcp:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.log())?.[1]);
}, 60_000);
afterAll(() => daemon[Symbol.asyncDispose](), 60_000);

/** Sends a request as it stands, and gives what came back until the engine closed. */
function raw(head: string, body = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
    const socket = connect(port, "127.0.0.1", () => socket.write(`${head}\r\n${length}\r\n${body}`));
    socket.on("data", (data) => {
      answer += data.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
    setTimeout(() => socket.destroy(), 1000).unref();
  });
}

const json = "Content-Type: application/json";
const create = JSON.stringify({ Image: "busybox", Cmd: ["true"] });
const post = (...headers: string[]) =>
  raw(["POST /containers/create?name=evil HTTP/1.1", "Connection: close", ...headers].join("\r\n"), create);
const containers = async () => (await daemon.api<unknown[]>("GET", "/containers/json?all=1")).body.length;

test.each(["dhow", "docker"])(
  "hardening 116: %s itself works over TCP, import and attached run included",
  async (client) => {
    const env = { DHOW_AUTOSTART: "0", DOCKER_HOST: `tcp://127.0.0.1:${port}` };
    const cli = (...args: string[]) => run([client === "dhow" ? dhowBinary : "docker", ...args], { env });
    const imported = await run([client === "dhow" ? dhowBinary : "docker", "import", "-", "busybox:latest"], {
      env,
      stdin: readFileSync(await busyboxTar()),
    });
    expect(imported.code).toBe(0);
    expect((await cli("run", "--rm", "busybox", "echo", "over tcp")).stdout).toBe("over tcp\n");
  },
);

test.each([
  ["an Origin", "Host: 127.0.0.1", "Origin: http://evil.example", json],
  ["an Origin of null", "Host: 127.0.0.1", "Origin: null", json],
  ["an Origin that is ours", "Host: localhost", "Origin: http://localhost", json],
  ["Sec-Fetch-Site", "Host: 127.0.0.1", "Sec-Fetch-Site: same-origin", json],
  ["a rebound Host", "Host: evil.example", json],
  ["a rebound Host with a port", "Host: evil.example:2375", json],
  ["a Host that begins like ours", "Host: 127.0.0.1.evil.example", json],
  ["an empty Host", "Host:", json],
  ["a form", "Host: 127.0.0.1", "Content-Type: application/x-www-form-urlencoded"],
  ["a multipart form", "Host: 127.0.0.1", "Content-Type: Multipart/Form-Data; boundary=x"],
] as [string, ...string[]][])("hardening 116: %s is 403 before any handler", async (_what, ...headers) => {
  const answer = await post(...headers);
  expect(answer).toStartWith("HTTP/1.1 403 ");
  expect(answer).not.toMatch(/access-control/i);
  expect(await containers()).toBe(0);
});

test("hardening 116: text/plain is no JSON, whoever sends it", async () => {
  expect(await post("Host: 127.0.0.1", "Content-Type: text/plain")).toStartWith("HTTP/1.1 400 ");
  expect(await containers()).toBe(0);
});

test("hardening 116: hijacked routes and preflights give a page nothing either", async () => {
  const upgrade = ["Host: 127.0.0.1", "Upgrade: tcp", "Connection: Upgrade", "Origin: http://evil.example"];
  expect(await raw(["POST /containers/x/attach?stream=1 HTTP/1.1", ...upgrade].join("\r\n"))).toContain(" 403 ");
  const asks = ["Host: 127.0.0.1", "Connection: close", "Access-Control-Request-Method: POST"];
  const preflight = await raw(["OPTIONS /containers/create HTTP/1.1", ...asks].join("\r\n"));
  expect(preflight).not.toMatch(/access-control/i);
  expect(await raw(["OPTIONS / HTTP/1.1", ...asks, "Origin: http://x"].join("\r\n"))).toStartWith("HTTP/1.1 403 ");
});
