/** What an operator tells `dhow registry serve`: headers, web pages of others, health, read-only, listeners. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { freePort, type OwnRegistry, startOwnRegistry, startRegistry } from "../harness/own-registry.ts";
import { codeOf, digestOf, manifestType, RegistryCalls } from "../harness/registry-calls.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "dhow-operator-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("pages of the origins that are named may ask, with credentials; others may not, and all get the operator's headers", async () => {
  const users = join(dir, "users");
  writeFileSync(users, `ada:${await Bun.password.hash("lovelace", { algorithm: "bcrypt", cost: 4 })}\n`);
  const flags = ["--cors-origin", "https://ui.example", "--header", "Strict-Transport-Security: max-age=9"];
  await using own = await startOwnRegistry(...flags, "--htpasswd", users);
  const ask = (method: string, origin: string, headers: Record<string, string> = {}) =>
    fetch(`http://${own.host}/v2/`, { method, headers: { origin, ...headers } });
  const asks = { "access-control-request-method": "GET", "access-control-request-headers": "authorization" };
  // A browser asks without credentials first.
  const before = await ask("OPTIONS", "https://ui.example", asks);
  expect([before.status, before.headers.get("access-control-allow-origin")]).toEqual([204, "https://ui.example"]);
  expect(before.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
  expect(before.headers.get("access-control-allow-credentials")).toBe("true");
  const refused = await ask("GET", "https://ui.example");
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, "https://ui.example"]);
  expect(refused.headers.get("access-control-expose-headers")).toContain("WWW-Authenticate");
  for (const origin of ["https://evil.example", "https://ui.example.evil", "null"]) {
    for (const method of ["OPTIONS", "GET"]) {
      const other = await ask(method, origin, method === "OPTIONS" ? asks : {});
      expect([origin, other.headers.get("access-control-allow-origin")]).toEqual([origin, null]);
      expect([other.headers.get("vary"), other.headers.get("strict-transport-security")]).toEqual([
        "Origin",
        "max-age=9",
      ]);
    }
  }
  await using open = await startOwnRegistry("--cors-origin", "*");
  const any = await fetch(`http://${open.host}/v2/`, { headers: { origin: "https://x.example" } });
  expect([any.headers.get("access-control-allow-origin"), any.headers.get("access-control-allow-credentials")]).toEqual(
    ["*", null],
  );
});

test("OPTIONS without a browser tells the methods of an endpoint", async () => {
  await using own = await startOwnRegistry();
  const calls = new RegistryCalls(own.host);
  const told = await calls.call("OPTIONS", `/v2/a/manifests/x`);
  expect([told.status, told.headers.get("allow")]).toEqual([204, "GET, HEAD, PUT, DELETE, OPTIONS"]);
  expect((await calls.call("OPTIONS", "/v2/odd")).status).toBe(405);
  expect((await calls.call("POST", "/v2/")).status).toBe(405);
});

test("a registry that is read-only is read, and refuses the rest", async () => {
  const root = join(dir, "read-only");
  const put = { host: "", digest: "" };
  {
    await using own = await startRegistry({ root });
    put.digest = (await new RegistryCalls(own.host).pushManifest("box", "v1")).digest;
  }
  await using own = await startRegistry({ root, flags: ["--read-only"] });
  const calls = new RegistryCalls(own.host);
  expect((await calls.call("GET", "/v2/box/manifests/v1")).headers.get("docker-content-digest")).toBe(put.digest);
  for (const [method, path] of [
    ["POST", "blobs/uploads/"],
    ["PUT", "manifests/v2"],
    ["DELETE", "manifests/v1"],
    ["DELETE", `blobs/${digestOf("{}")}`],
  ] as const) {
    expect([path, ...(await codeOf(await calls.call(method, `/v2/box/${path}`)))]).toEqual([path, 405, "UNSUPPORTED"]);
  }
});

test("the operator's address tells whether the storage gives and takes what it should", async () => {
  const address = `127.0.0.1:${await freePort()}`;
  await using own = await startOwnRegistry("--metrics-addr", address);
  const health = async () => {
    const response = await fetch(`http://${address}/debug/health`);
    return [response.status, await response.json()];
  };
  expect(await health()).toEqual([200, {}]);
  // A storage that is lost, for root too: its place is a file.
  rmSync(join(own.root, "docker"), { recursive: true });
  writeFileSync(join(own.root, "docker"), "");
  await until("the fault", async () => (await health())[0] === 503, 20_000);
  expect(await health()).toEqual([503, { storage: expect.stringMatching(/ENOTDIR|EEXIST/) }]);
  rmSync(join(own.root, "docker"));
  await until("its end", async () => (await health())[0] === 200, 20_000);
});

test("a manifest that is pushed by its digest brings its tags along", async () => {
  await using own = await startOwnRegistry();
  const calls = new RegistryCalls(own.host);
  const { digest, body } = await calls.pushManifest("box", null);
  const push = (query: string) =>
    calls.call("PUT", `/v2/box/manifests/${digest}?${query}`, { body, headers: { "content-type": manifestType } });
  const put = await push("tag=a&tag=b&tag=a");
  expect([put.status, put.headers.get("oci-tag")]).toEqual([201, "a, b"]);
  expect(await (await calls.call("GET", "/v2/box/tags/list")).json()).toEqual({ name: "box", tags: ["a", "b"] });
  expect(await codeOf(await push("tag=c&tag=-bad"))).toEqual([400, "TAG_INVALID"]);
  expect(await (await calls.call("GET", "/v2/box/tags/list")).json()).toEqual({ name: "box", tags: ["a", "b"] });
});

test("a cache answers for the registry behind it alone, by whatever names that is known", async () => {
  await using there = await startOwnRegistry();
  await new RegistryCalls(there.host).pushManifest("box", "v1");
  const remote = ["--proxy-remote-url", `http://${there.host}`];
  await using here = await startOwnRegistry(...remote, "--proxy-namespace", "registry.example");
  const ask = (ns: string) => new RegistryCalls(here.host).call("GET", `/v2/box/manifests/v1${ns}`);
  for (const ns of ["", "?ns=registry.example", `?ns=${there.host}`])
    expect([ns, (await ask(ns)).status]).toEqual([ns, 200]);
  expect(await codeOf(await ask("?ns=docker.io"))).toEqual([404, "NAME_UNKNOWN"]);
});

interface Told {
  readonly action: string;
  readonly target: Record<string, unknown>;
  readonly request: Record<string, unknown>;
  readonly actor: { name?: string };
}

test("listeners are told of pushes, pulls, mounts and deletions, as Docker's registry tells them", async () => {
  const told: Told[] = [];
  await using hook = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (request.headers.get("authorization") !== "Bearer of-news") return new Response(null, { status: 401 });
      told.push(...((await request.json()) as { events: Told[] }).events);
      return new Response(null);
    },
  });
  const [users, headers] = [join(dir, "users"), join(dir, "headers")];
  writeFileSync(users, `ada:${await Bun.password.hash("lovelace", { algorithm: "bcrypt", cost: 4 })}\n`);
  writeFileSync(headers, "Authorization: Bearer of-news\n");
  const flags = ["--notify", `${hook.url.origin}/events`, "--notify-headers", headers, "--htpasswd", users];
  await using own: OwnRegistry = await startOwnRegistry(...flags);
  const calls = new RegistryCalls(own.host, "ada:lovelace");
  const { digest, body } = await calls.pushManifest("team/box", "v1");
  const config = digestOf("{}");
  await calls.call("GET", "/v2/team/box/manifests/v1");
  await calls.call("HEAD", "/v2/team/box/manifests/v1");
  await calls.call("GET", `/v2/team/box/blobs/${config}`);
  await calls.call("POST", `/v2/other/blobs/uploads/?mount=${config}&from=team/box`);
  await calls.call("DELETE", "/v2/team/box/manifests/v1");
  await calls.call("DELETE", `/v2/team/box/manifests/${digest}`);
  await calls.call("DELETE", `/v2/team/box/blobs/${config}`);
  await calls.call("GET", "/v2/team/box/manifests/v1");
  await until("the last", async () => told.length >= 9);
  expect(told.map(({ action, target: { digest: what, tag } }) => [action, what ?? tag])).toEqual([
    ["push", config],
    ["push", digestOf("layer of team/box")],
    ["push", digest],
    ["pull", digest],
    ["pull", config],
    ["mount", config],
    ["delete", "v1"],
    ["delete", digest],
    ["delete", config],
  ]);
  expect(told[2]?.target).toEqual({
    mediaType: manifestType,
    size: body.length,
    length: body.length,
    digest,
    url: `http://${own.host}/v2/team/box/manifests/${digest}`,
    repository: "team/box",
    tag: "v1",
  });
  expect(told[5]?.target).toMatchObject({ repository: "other", fromRepository: "team/box", size: 2 });
  expect(told[0]?.actor).toEqual({ name: "ada" });
  expect(told[0]?.request).toMatchObject({
    host: own.host,
    method: "PUT",
    addr: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
  });
});

test("flags that say nothing sensible end the start, and show no secret", async () => {
  const headers = join(dir, "bad-headers");
  writeFileSync(headers, "of-news: \x01\n");
  chmodSync(headers, 0o600);
  for (const [flags, words] of [
    [["--cors-origin", "ui.example"], 'invalid --cors-origin "ui.example": expected https://HOST[:PORT] or *'],
    [["--cors-origin", "https://ui.example/"], "invalid --cors-origin"],
    [["--header", "no colon"], 'invalid --header: expected NAME: VALUE, got "no colon"'],
    [["--header", "Content-Type: x"], "invalid --header: Content-Type is the registry's own"],
    [["--notify", "ftp://x/"], "invalid --notify: expected https://HOST/PATH"],
    [["--notify", "https://u:s3cret@x/"], "--notify holds credentials"],
    [
      ["--notify", "https://x/", "--notify-actions", "pus"],
      'invalid --notify-actions "pus": expected push, pull, mount, delete',
    ],
    [["--notify-actions", "push"], "need --notify"],
    [["--notify", "https://x/", "--notify-headers", headers], "invalid --notify-headers: expected NAME: VALUE"],
    [["--proxy-namespace", "docker.io"], "--proxy-namespace needs --proxy-remote-url"],
  ] as const) {
    const child = Bun.spawnSync([
      dhowBinary,
      "registry",
      "serve",
      "--root",
      join(dir, "never"),
      "--addr",
      "127.0.0.1:0",
      ...flags,
    ]);
    const said = child.stderr.toString();
    expect([flags, child.exitCode, said]).toEqual([flags, 1, expect.stringContaining(words)]);
    expect(said).not.toContain("s3cret");
  }
});
