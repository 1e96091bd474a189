/** `dhow registry serve --proxy-remote-url`: a cache of another registry, before a front that breaks it in each way. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { freePort, type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { codeOf, digestOf, indexType, manifestType, RegistryCalls } from "../harness/registry-calls.ts";
import { type RegistryFront, startRegistryFront } from "./registry-front.ts";

let upstream: OwnRegistry;
let front: RegistryFront;
let cache: OwnRegistry;
let metrics: string;
/** At upstream and at the cache. */
let there: RegistryCalls;
let here: RegistryCalls;
beforeAll(async () => {
  upstream = await startOwnRegistry();
  front = startRegistryFront(upstream.host);
  metrics = `127.0.0.1:${await freePort()}`;
  cache = await startOwnRegistry("--proxy-remote-url", `http://${front.host}`, "--metrics-addr", metrics);
  there = new RegistryCalls(upstream.host);
  here = new RegistryCalls(cache.host);
});
beforeEach(() => {
  front.fault = null;
  front.asked.length = 0;
});
afterAll(async () => {
  await cache?.[Symbol.asyncDispose]();
  await front?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

const away = () => new Response("", { status: 503 });
const counted = async (labels: string): Promise<number> => {
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  return Number(new RegExp(`^dhow_registry_proxy_requests_total\\{${labels}\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
};
/** An answer that breaks off; without a reason, which Bun would print. */
const cutAfter = (begin: string | Uint8Array): Response =>
  new Response(
    new ReadableStream({
      async start(body) {
        body.enqueue(Buffer.from(begin));
        await Bun.sleep(5);
        body.error();
      },
    }),
  );
/** What a client has of a body until it ends or breaks off. */
async function received(response: Response): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) parts.push(part);
    return { bytes: Buffer.concat(parts), isWhole: true };
  } catch {
    return { bytes: Buffer.concat(parts), isWhole: false };
  }
}

describe("tags", () => {
  test("a tag is asked for anew each time, its manifest once; one that moved is fetched, one that is gone is gone", async () => {
    const first = await there.pushManifest("tags/moving", "v1");
    for (const head of [1, 2, 3]) {
      const got = await here.call("GET", "/v2/tags/moving/manifests/v1");
      expect([got.status, got.headers.get("content-type"), await got.text()]).toEqual([200, manifestType, first.body]);
      expect([front.count("HEAD", /manifests\/v1$/), front.count("GET", /manifests\/v1$/)]).toEqual([head, 1]);
    }
    const second = await there.pushManifest("tags/moving", "v1", { annotations: { round: "2" } });
    const head = await here.call("HEAD", "/v2/tags/moving/manifests/v1");
    expect(head.headers.get("docker-content-digest")).toBe(second.digest);
    // What it led to before is kept, and asked of nobody.
    front.asked.length = 0;
    expect(await (await here.call("GET", `/v2/tags/moving/manifests/${first.digest}`)).text()).toBe(first.body);
    expect(front.asked).toEqual([]);
    await there.call("DELETE", "/v2/tags/moving/manifests/v1");
    expect(await codeOf(await here.call("GET", "/v2/tags/moving/manifests/v1"))).toEqual([404, "MANIFEST_UNKNOWN"]);
    front.fault = away;
    expect(await codeOf(await here.call("GET", "/v2/tags/moving/manifests/v1"))).toEqual([503, "UNAVAILABLE"]);
  });

  test.each([
    ["answers 503", away],
    ["answers 429", () => new Response("", { status: 429 })],
    ["is cut off", () => cutAfter("")],
  ])("while upstream %s a tag is what it was, and the answer, the log and the metrics say so", async (_, fault) => {
    const name = `tags/stale-${digestOf(String(_)).slice(7, 15)}`;
    const { digest } = await there.pushManifest(name, "v1");
    await here.call("GET", `/v2/${name}/manifests/v1`);
    const before = await counted('type="manifest",result="stale"');
    front.fault = fault;
    const got = await here.call("GET", `/v2/${name}/manifests/v1`);
    expect([got.status, got.headers.get("docker-content-digest")]).toEqual([200, digest]);
    expect(got.headers.get("warning")).toStartWith('299 - "upstream does not answer, this may be old: ');
    expect(cache.log).toContain(`proxy: ${name}:v1 is answered as of `);
    expect(await counted('type="manifest",result="stale"')).toBe(before + 1);
    expect(await codeOf(await here.call("GET", `/v2/${name}/manifests/v2`))).toEqual([503, "UNAVAILABLE"]);
  });

  test("hardening 156: with --proxy-stale 0 what upstream cannot confirm is answered by digest only", async () => {
    await using strict = await startOwnRegistry("--proxy-remote-url", `http://${front.host}`, "--proxy-stale", "0");
    const { digest } = await there.pushManifest("tags/strict", "v1");
    const status = async (reference: string) =>
      (await fetch(`http://${strict.host}/v2/tags/strict/manifests/${reference}`)).status;
    expect(await status("v1")).toBe(200);
    front.fault = away;
    expect([await status("v1"), await status(digest)]).toEqual([503, 200]);
  });

  test("a tag is answered so long after upstream confirmed it last", async () => {
    await using brief = await startOwnRegistry("--proxy-remote-url", `http://${front.host}`, "--proxy-stale", "3s");
    await there.pushManifest("tags/brief", "v1");
    const status = async () => (await fetch(`http://${brief.host}/v2/tags/brief/manifests/v1`)).status;
    expect(await status()).toBe(200);
    await Bun.sleep(2000);
    expect(await status()).toBe(200);
    front.fault = away;
    await Bun.sleep(1500);
    expect(await status()).toBe(200);
    await until("the tag to be too old", async () => (await status()) === 503);
  });

  test("lists are upstream's: tags, and referrers that nobody has pulled", async () => {
    const subject = await there.pushManifest("lists/of", "b");
    await there.pushManifest("lists/of", "a");
    const about = { subject: { mediaType: manifestType, digest: subject.digest, size: subject.body.length } };
    const signature = await there.pushManifest("lists/of", null, { ...about, artifactType: "test/signature" });
    await here.call("GET", "/v2/lists/of/manifests/b");
    expect(await (await here.call("GET", "/v2/lists/of/tags/list?n=1")).json()).toEqual({
      name: "lists/of",
      tags: ["a"],
    });
    const path = `/v2/lists/of/referrers/${subject.digest}?artifactType=test/signature`;
    const referrers = await here.call("GET", path);
    expect(referrers.headers.get("content-type")).toBe(indexType);
    expect(await referrers.json()).toMatchObject({ manifests: [{ digest: signature.digest }] });
    front.fault = away;
    expect(await (await here.call("GET", "/v2/lists/of/tags/list")).json()).toMatchObject({ tags: ["b"] });
    expect((await here.call("GET", path)).status).toBe(503);
  });
});

test("what comes for a manifest's digest is that manifest, whatever the headers say, or nothing", async () => {
  const good = await there.pushManifest("lies", "v1");
  const other = await there.pushManifest("lies", "v2", { annotations: { a: "b" } });
  const told = { "content-type": manifestType, "docker-content-digest": good.digest };
  front.fault = ({ method }) => new Response(method === "HEAD" ? null : other.body, { headers: told });
  expect(await codeOf(await here.call("GET", `/v2/lies/manifests/${good.digest}`))).toEqual([503, "UNAVAILABLE"]);
  const tagged = await here.call("GET", "/v2/lies/manifests/v1");
  expect([tagged.headers.get("docker-content-digest"), await tagged.text()]).toEqual([other.digest, other.body]);
  for (const bad of ["<html>", "{}", " ".repeat(5 << 20)]) {
    front.fault = () => new Response(bad, { headers: { "content-type": manifestType } });
    expect(await codeOf(await here.call("GET", "/v2/lies/manifests/v3"))).toEqual([503, "UNAVAILABLE"]);
  }
  front.fault = null;
  expect(await (await here.call("GET", "/v2/lies/manifests/v1")).text()).toBe(good.body);
});

describe("blobs", () => {
  test("a blob is fetched once however many ask, and streamed to the first while it arrives", async () => {
    const bytes = Buffer.alloc(6 << 20, "streamed");
    const { digest } = await there.pushBlob("blobs/once", bytes);
    const path = `/v2/blobs/once/blobs/${digest}`;
    const go = Promise.withResolvers<void>();
    front.fault = ({ method }) =>
      method === "HEAD"
        ? null
        : new Response(
            (async function* () {
              yield bytes.subarray(0, 2 << 20);
              yield bytes.subarray(2 << 20, 3 << 20);
              await go.promise;
              yield bytes.subarray(3 << 20);
            })() as never,
            { headers: { "content-length": String(bytes.length) } },
          );
    const first = await here.call("GET", path);
    const reader = first.body?.getReader();
    const begun = await reader?.read();
    expect(begun?.value?.length).toBeGreaterThan(0);
    const others = Array.from({ length: 8 }, () => here.call("GET", path).then(received));
    // What is asked for by HEAD is told, and a part waits for the whole.
    const part = here.call("GET", path, { headers: { range: "bytes=6-13" } });
    expect((await here.call("HEAD", path)).headers.get("content-length")).toBe(String(bytes.length));
    go.resolve();
    let got = begun?.value?.length ?? 0;
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) got += next.value.length;
    expect(got).toBe(bytes.length);
    for (const other of await Promise.all(others)) expect(digestOf(other.bytes)).toBe(digest);
    expect([(await part).status, await (await part).text()]).toEqual([206, "edstream"]);
    expect(front.count("GET", /blobs\/sha256/)).toBe(1);
    front.fault = away;
    const ranged = await here.call("GET", path, { headers: { range: "bytes=0-7" } });
    expect([ranged.status, await ranged.text()]).toEqual([206, "streamed"]);
  });

  test("whoever does not read holds nobody up, and is sent the rest from storage", async () => {
    const bytes = Buffer.alloc(64 << 20, "slowly");
    const { digest } = await there.pushBlob("blobs/slow", bytes);
    const path = `/v2/blobs/slow/blobs/${digest}`;
    const slow = await here.call("GET", path);
    const other = await here.call("GET", path).then(received);
    expect(digestOf(other.bytes)).toBe(digest);
    expect(digestOf((await received(slow)).bytes)).toBe(digest);
    // One that goes away does not end the fetching.
    const { digest: left } = await there.pushBlob("blobs/slow", Buffer.alloc(64 << 20, "left"));
    const gone = new AbortController();
    await here.call("GET", `/v2/blobs/slow/blobs/${left}`, { signal: gone.signal });
    gone.abort();
    expect(digestOf((await received(await here.call("GET", `/v2/blobs/slow/blobs/${left}`))).bytes)).toBe(left);
    expect(front.count("GET", new RegExp(left))).toBe(1);
  });

  const bytes = Buffer.alloc(3 << 20, "x");
  const digest = digestOf(bytes);
  const sent = (...parts: Uint8Array[]) =>
    new Response(
      (async function* () {
        for (const part of parts) {
          yield part;
          await Bun.sleep(5);
        }
      })() as never,
    );
  test.each([
    ["wrong", () => sent(bytes.subarray(1), Buffer.from("y"))],
    ["short", () => sent(bytes.subarray(1))],
    ["long", () => sent(bytes, bytes)],
    ["wrong and in one piece", () => new Response("y")],
    ["cut", () => cutAfter(bytes.subarray(0, 1 << 20))],
  ])("of a blob that comes %s nobody gets a whole one, and nothing is kept", async (_, fault) => {
    const path = `/v2/blobs/bad/blobs/${digest}`;
    front.fault = ({ method }) => (method === "GET" ? fault() : new Response("", { status: 404 }));
    const live = await here.call("GET", path).then(received, () => ({ isWhole: false }));
    expect(live.isWhole).toBe(false);
    const part = await here.call("GET", path, { headers: { range: "bytes=0-" } });
    expect(await codeOf(part)).toEqual([503, "UNAVAILABLE"]);
    const { stdout } = await run(["find", cache.root, "-path", "*_uploads/*", "-o", "-name", digest.slice(7)]);
    expect(stdout).toBe("");
    expect((await here.call("HEAD", path)).status).toBe(404);
    expect(cache.log).toContain(`proxy: blobs/bad@${digest}: `);
  });

  test("hardening 152: a cache that is killed while it fetches has no part of a blob, and fetches it again", async () => {
    const bytes = Buffer.alloc(3 << 20, "killed");
    const { digest } = await there.pushBlob("blobs/killed", bytes);
    const never = Promise.withResolvers<void>();
    front.fault = () =>
      new Response(
        new ReadableStream({
          async start(body) {
            body.enqueue(bytes.subarray(0, 1 << 20));
            body.enqueue(bytes.subarray(1 << 20, 2 << 20));
            await never.promise;
            body.close();
          },
        }),
      );
    const path = `/v2/blobs/killed/blobs/${digest}`;
    const cut = await here.call("GET", path);
    await cut.body?.getReader().read();
    await cache.kill9();
    front.fault = () => new Response("", { status: 404 });
    await cache.start();
    expect((await here.call("HEAD", path)).status).toBe(404);
    never.resolve();
    front.fault = null;
    expect(digestOf((await received(await here.call("GET", path))).bytes)).toBe(digest);
  });

  test("hardening 156: what is cached for one repository is none of another's until upstream gives it to that one", async () => {
    const { digest } = await there.pushBlob("blobs/private", "secret");
    const { digest: manifest } = await there.pushManifest("blobs/private", "v1");
    const read = async (name: string, what: string) => (await here.call("GET", `/v2/${name}/${what}`)).status;
    for (const what of [`blobs/${digest}`, `manifests/${manifest}`]) {
      expect([await read("blobs/private", what), await read("blobs/public", what)]).toEqual([200, 404]);
    }
  });
});

test("nothing is pushed to a cache or removed from it", async () => {
  const { digest } = await there.pushManifest("refused", "v1");
  for (const [method, path] of [
    ["POST", "blobs/uploads/"],
    ["PUT", "manifests/v2"],
    ["DELETE", "manifests/v1"],
    ["DELETE", `blobs/${digest}`],
    ["PATCH", "blobs/uploads/00000000-0000-4000-8000-000000000000"],
  ] as const) {
    const response = await here.call(method, `/v2/refused/${path}`, method === "PUT" ? { body: "{}" } : {});
    expect([method, path, ...(await codeOf(response))]).toEqual([method, path, 405, "UNSUPPORTED"]);
  }
});

test("what nobody asked for goes after its time, and the oldest where there is not room for all", async () => {
  const flags = ["--proxy-remote-url", `http://${front.host}`, "--gc-grace", "10ms", "--gc-interval", "100ms"];
  await using brief = await startOwnRegistry(...flags, "--proxy-ttl", "2s", "--proxy-max-size", "5MB");
  const { digest: kept } = await there.pushBlob("ages/a", Buffer.alloc(3e6, "kept"));
  const { digest: left } = await there.pushBlob("ages/b", Buffer.alloc(1e6, "left"));
  const { digest: large } = await there.pushBlob("ages/c", Buffer.alloc(4e6, "large"));
  const get = async (name: string, digest: string) =>
    received(await fetch(`http://${brief.host}/v2/ages/${name}/blobs/${digest}`));
  const isThere = (digest: string) =>
    Bun.file(`${brief.root}/docker/registry/v2/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`).exists();
  await get("b", left);
  await get("a", kept);
  await until("what nobody asks for to go", async () => {
    await get("a", kept);
    return !(await isThere(left));
  });
  expect(await isThere(kept)).toBe(true);
  expect(front.count("GET", new RegExp(kept))).toBe(1);
  await get("c", large);
  await until("the older to make room", async () => !(await isThere(kept)));
  expect(await isThere(large)).toBe(true);
});

describe("hardening 156: credentials for upstream", () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-proxy-"));
  const [users, account, readers] = ["users", "account", "readers"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  beforeAll(async () => {
    const hash = (password: string) => Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
    writeFileSync(users, `robot:${await hash("robot-secret")}\n`);
    writeFileSync(readers, `ada:${await hash("lovelace")}\n`);
    writeFileSync(account, "robot:robot-secret\n");
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test.each([
    ["passwords", []],
    ["tokens", ["--tokens"]],
  ])("with %s: they go to upstream alone, and what they open is for those whom the cache knows", async (_, flags) => {
    await using closed = await startOwnRegistry("--htpasswd", users, ...flags);
    await using guarded = startRegistryFront(closed.host);
    await using elsewhere = startRegistryFront(closed.host);
    const from = ["--proxy-remote-url", `http://${guarded.host}`, "--proxy-credentials", account];
    await using own = await startOwnRegistry(...from, "--htpasswd", readers);
    const robot = new RegistryCalls(closed.host, "robot:robot-secret");
    const push = async (name: string) => {
      // The closed registry takes basic credentials whether or not it asks for tokens.
      const { digest } = await robot.pushManifest(name, "v1");
      return digest;
    };
    const digest = await push("private/box");
    const [ada, nobody] = [new RegistryCalls(own.host, "ada:lovelace"), new RegistryCalls(own.host)];
    const layer = `/v2/private/box/blobs/${digestOf("layer of private/box")}`;
    elsewhere.fault = () => new Response("layer of private/box");
    guarded.fault = ({ url }) =>
      url.includes("/blobs/")
        ? new Response("", {
            status: 307,
            headers: { location: `http://localhost:${elsewhere.host.split(":")[1]}/layer` },
          })
        : null;
    for (const round of ["fetched", "cached"]) {
      const got = await ada.call("GET", "/v2/private/box/manifests/v1");
      expect([round, got.status, got.headers.get("docker-content-digest")]).toEqual([round, 200, digest]);
      expect(await (await ada.call("GET", layer)).text()).toBe("layer of private/box");
      for (const path of ["/v2/private/box/manifests/v1", `/v2/private/box/manifests/${digest}`, layer])
        expect([round, path, (await nobody.call("GET", path)).status]).toEqual([round, path, 401]);
    }
    expect(guarded.asked.some(({ authorization }) => authorization?.startsWith("B"))).toBe(true);
    expect(elsewhere.asked).toEqual([{ method: "GET", path: "/layer", authorization: null }]);
    expect(own.log).not.toContain("robot-secret");
    expect(own.log).not.toContain(btoa("robot:robot-secret"));
    // The wrong password is refused, and no reason to answer with what is here.
    writeFileSync(account, "robot:another\n");
    await own.restart();
    expect([403, 404]).toContain((await ada.call("GET", "/v2/private/box/manifests/v1")).status);
    writeFileSync(account, "robot:robot-secret\n");
  });

  test("a start that would open them to everybody, or show them, is refused", async () => {
    const refused = async (...flags: string[]) => {
      const { code, stderr } = await run([dhowBinary, "registry", "serve", "--root", join(dir, "root"), ...flags]);
      expect(code).toBe(1);
      return stderr;
    };
    const remote = ["--proxy-remote-url", "http://127.0.0.1:1"];
    expect(await refused(...remote, "--proxy-credentials", account)).toContain("--proxy-credentials needs --htpasswd");
    expect(await refused("--proxy-credentials", account)).toContain("needs --proxy-remote-url");
    const named = await refused("--proxy-remote-url", "http://robot:robot-secret@127.0.0.1:1");
    expect(named).toContain("holds credentials");
    expect(named).not.toContain("robot-secret");
    for (const bad of ["127.0.0.1", "ftp://x", "http://x/path", "http://x/?q"])
      expect(await refused("--proxy-remote-url", bad)).toContain("expected https://HOST[:PORT]");
    writeFileSync(join(dir, "bad"), "robot-secret");
    const bad = await refused(...remote, "--proxy-credentials", join(dir, "bad"), "--proxy-open");
    expect(bad).toContain("expected one line of USER:PASSWORD");
    expect(bad).not.toContain("robot-secret");
  });
});
