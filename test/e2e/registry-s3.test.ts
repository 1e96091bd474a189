/** `dhow registry serve --s3-bucket`, before a stand-in for an S3-compatible store. The specification's cases run on it too, in registry.test.ts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { type OwnRegistry, startOwnRegistry } from "../harness/own-registry.ts";
import { codeOf, digestOf, RegistryCalls } from "../harness/registry-calls.ts";
import { type S3Server, startS3Server } from "../harness/s3-server.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const dir = mkdtempSync(join(tmpdir(), "dhow-registry-s3-"));
let store: S3Server;
let registry: OwnRegistry;
beforeAll(async () => {
  store = await startS3Server();
  registry = await startOwnRegistry(...store.flags);
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await store?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

test("docker pushes and pulls, and another registry serves what is in the bucket", async () => {
  const name = `${registry.host}/some/box:1`;
  await daemon().must("tag", "busybox", name);
  const pushed = await daemon().docker("push", name);
  expect(pushed).toMatchObject({ code: 0 });
  await daemon().must("rmi", name);
  await registry.kill9();
  await using successor = await startOwnRegistry(...store.flags);
  const again = `${successor.host}/some/box@${/sha256:\w+/.exec(pushed.stdout)?.[0]}`;
  expect(await daemon().docker("pull", "-q", again)).toMatchObject({ code: 0 });
  await daemon().must("rmi", again);
  await registry.start();
});

test("a large blob passes in little memory", async () => {
  const calls = new RegistryCalls(registry.host);
  const bytes = Buffer.alloc(150 << 20, "large");
  const { digest } = await calls.pushBlob("large", bytes);
  const response = await calls.call("GET", `/v2/large/blobs/${digest}`);
  const hash = new Bun.CryptoHasher("sha256");
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) hash.update(part);
  expect(`sha256:${hash.digest("hex")}`).toBe(digest);
  const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${registry.pid}/status`, "utf8"))?.[1]) / 1024;
  expect(peak).toBeLessThan(170);
}, 60_000);

test("a cache keeps what it fetches in a bucket, too", async () => {
  const there = new RegistryCalls(registry.host);
  const { digest, body } = await there.pushManifest("cached", "v1");
  const { digest: layer } = await there.pushBlob("cached", Buffer.alloc(9 << 20, "layer"));
  const flags = [...store.flags, "--s3-prefix", "cache", "--proxy-remote-url", `http://${registry.host}`];
  await using cache = await startOwnRegistry(...flags);
  const here = new RegistryCalls(cache.host);
  const hashes = async () => {
    const manifest = await (await here.call("GET", "/v2/cached/manifests/v1")).text();
    const bytes = await (await here.call("GET", `/v2/cached/blobs/${layer}`)).arrayBuffer();
    const part = await here.call("GET", `/v2/cached/blobs/${layer}`, { headers: { range: "bytes=5242880-5242889" } });
    return [manifest, digestOf(new Uint8Array(bytes)), await part.text()];
  };
  const first = await hashes();
  expect(first).toEqual([body, layer, "layerlayer"]);
  await registry.kill9();
  expect(await hashes()).toEqual(first);
  expect((await here.call("GET", `/v2/cached/manifests/${digest}`)).status).toBe(200);
  await registry.start();
});

test("while the store is away clients are told so, and when it is back all goes on", async () => {
  const calls = new RegistryCalls(registry.host);
  const { digest } = await calls.pushManifest("away", "v1");
  const location = (await calls.call("POST", "/v2/away/blobs/uploads/")).headers.get("location") ?? "";
  expect((await calls.call("PATCH", location, { body: "first " })).status).toBe(202);
  await store.stop();
  const answers = await Promise.all([
    calls.call("GET", "/v2/away/manifests/v1").then(codeOf),
    calls.call("GET", `/v2/away/blobs/${digestOf("{}")}`).then(codeOf),
    calls.call("PATCH", location, { body: "lost" }).then(codeOf),
    calls.call("POST", "/v2/away/blobs/uploads/").then(codeOf),
  ]);
  for (const answer of answers) expect(answer).toEqual([503, "UNAVAILABLE"]);
  await store.start();
  expect((await calls.call("GET", "/v2/away/manifests/v1")).headers.get("docker-content-digest")).toBe(digest);
  const last = await calls.call("PUT", `${location}?digest=${digestOf("first last")}`, { body: "last" });
  expect(last.status).toBe(201);
  expect(registry.log).toContain("S3 ");
});

test("what cannot work is refused at the start, by name; keys may come from the environment, and are never shown", async () => {
  const serve = async (flags: string[], env: Record<string, string> = {}) => {
    const clean = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", ...env };
    const { code, stderr } = await run([dhowBinary, "registry", "serve", ...flags], { env: clean });
    expect(code).toBe(1);
    expect(stderr).not.toContain("hush");
    return stderr;
  };
  const bucket = ["--s3-bucket", "registry", "--s3-endpoint", store.endpoint];
  expect(await serve(bucket)).toContain("--s3-bucket needs --s3-credentials, or AWS_ACCESS_KEY_ID");
  expect(await serve(bucket, { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "hush" })).toContain(
    "SignatureDoesNotMatch",
  );
  writeFileSync(join(dir, "half"), "[default]\naws_secret_access_key = hush\n");
  expect(await serve([...bucket, "--s3-credentials", join(dir, "half")])).toContain(
    "expected lines of aws_access_key_id",
  );
  const keys = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" };
  expect(await serve(["--s3-bucket", "none", "--s3-endpoint", store.endpoint], keys)).toContain("NoSuchBucket");
  expect(await serve(["--s3-bucket", "No"], keys)).toContain('invalid --s3-bucket "No"');
  expect(await serve(["--s3-bucket", "registry", "--s3-endpoint", "http://u:hush@x"], keys)).toContain("--s3-endpoint");
  expect(await serve(["--s3-prefix", "x"], keys)).toContain("need --s3-bucket");
  expect(await serve([...bucket, "--tokens"], keys)).toContain("--tokens needs --root");
  expect(registry.log).not.toContain("S3RVER");
});
