/** `push` to Debian's docker-registry: what arrives, what is not sent twice, and what a broken line costs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { succeed } from "../harness/command.ts";
import { startCuttingProxy } from "../harness/cutting-proxy.ts";
import { startOwnRegistry } from "../harness/own-registry.ts";
import { withDaemon } from "./fixture.ts";
import { type DockerRegistry, startDockerRegistry } from "./registry-server.ts";

const daemon = withDaemon();
const must = (...args: string[]) => daemon().must(...args);
const dir = mkdtempSync(join(tmpdir(), "dhow-push-"));
const layer = join(dir, "layer.tar");
let registry: DockerRegistry;

beforeAll(async () => {
  registry = await startDockerRegistry();
  // Half of it packs well and half does not.
  mkdirSync(join(dir, "tree"));
  writeFileSync(join(dir, "tree", "noise"), randomBytes(12 << 20));
  writeFileSync(join(dir, "tree", "text"), "all work and no play\n".repeat(500_000));
  await succeed(["tar", "-C", join(dir, "tree"), "-cf", layer, "."]);
  await must("import", layer, "big:1");
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const idOf = async (name: string) => (await must("image", "inspect", "-f", "{{.Id}}", name)).trim();
const digestIn = (output: string): string => /digest: (sha256:[0-9a-f]{64}) size: \d+\n$/.exec(output)?.[1] ?? "";
const inspectAt = async (name: string) =>
  JSON.parse(await succeed(["skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}`])) as {
    layers: { mediaType: string; digest: string; size: number }[];
  };

test.each(["dhow", "docker"] as const)("%s push sends an image that every client pulls, packed", async (client) => {
  const name = `${registry.host}/${client}/big:1`;
  await must("tag", "big:1", name);
  const { code, stdout } = await daemon().run(client, "push", name);
  expect([code, stdout]).toEqual([
    0,
    expect.stringContaining(`The push refers to repository [${registry.host}/${client}/big]`),
  ]);
  const digest = digestIn(stdout);
  expect(digest).not.toBe("");
  const raw = await succeed(["skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}`]);
  expect(new Bun.CryptoHasher("sha256").update(raw).digest("hex")).toBe(digest.slice(7));
  const [sent] = (await inspectAt(name)).layers;
  expect(sent?.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
  expect(sent?.size).toBeLessThan(13 << 20);
  const id = await idOf(name);
  expect(await must("image", "inspect", "-f", "{{.RepoDigests}}", "big:1")).toContain(`${client}/big@${digest}`);
  const copy = join(dir, `${client}-copy`);
  await succeed(["skopeo", "copy", "-q", "--src-tls-verify=false", `docker://${name}`, `dir:${copy}`]);
  await must("rmi", "-f", name);
  await must("pull", "-q", `${registry.host}/${client}/big@${digest}`);
  expect(await idOf(`${registry.host}/${client}/big@${digest}`)).toBe(id);
});

test("what the repository has is not sent again, and another repository of the registry lends it", async () => {
  await using proxy = await startCuttingProxy(registry.host);
  const push = async (name: string) => {
    proxy.received = 0;
    await must("tag", "big:1", `${proxy.host}/${name}`);
    return must("push", `${proxy.host}/${name}`);
  };
  const first = await push("one/big:a");
  expect(first).toContain(": Pushed\n");
  expect(proxy.received).toBeGreaterThan(12 << 20);
  expect(await push("one/big:b")).toContain(": Layer already exists\n");
  expect(proxy.received).toBeLessThan(64 << 10);
  expect(await push("two/big:a")).toContain(": Mounted from one/big\n");
  expect(proxy.received).toBeLessThan(64 << 10);
  expect(digestIn(await must("push", `${proxy.host}/two/big:a`))).toBe(digestIn(first));
  const all = await must("push", "-a", `${proxy.host}/one/big`);
  expect([...all.matchAll(/^(\w+): digest: /gm)].map(([, tag]) => tag)).toEqual(["a", "b"]);
});

test("an upload that breaks is sent again where the registry keeps no half ones", async () => {
  await using proxy = await startCuttingProxy(registry.host);
  await must("tag", "big:1", `${proxy.host}/broken/big:1`);
  proxy.cutAfter = 6 << 20;
  const output = await must("push", `${proxy.host}/broken/big:1`);
  expect(proxy.cutAfter).toBeNull();
  expect(output).toContain(": Pushed\n");
  expect(digestIn(output)).not.toBe("");
});

test("an upload that breaks goes on where it broke, where the registry keeps the half", async () => {
  await using own = await startOwnRegistry();
  await using proxy = await startCuttingProxy(own.host);
  await must("tag", "big:1", `${proxy.host}/broken/big:1`);
  proxy.cutAfter = 6 << 20;
  const output = await must("push", `${proxy.host}/broken/big:1`);
  expect(proxy.cutAfter).toBeNull();
  expect(output).toContain(": Pushed\n");
  expect(proxy.received).toBeGreaterThan(12 << 20);
  expect(proxy.received).toBeLessThan(15 << 20);
  expect(digestIn(output)).not.toBe("");
});

test("an upload that broke with the daemon goes on with the next one, also at a registry that was started anew", async () => {
  await using own = await startOwnRegistry();
  await using proxy = await startCuttingProxy(own.host);
  await must("tag", "big:1", `${proxy.host}/later/big:1`);
  const pushing = daemon().dhow("push", `${proxy.host}/later/big:1`);
  while (proxy.received < 6 << 20) await Bun.sleep(1);
  await daemon().kill9();
  await pushing;
  await own.restart();
  await daemon().start();
  const before = proxy.received;
  expect(await must("push", `${proxy.host}/later/big:1`)).toContain(": Pushed\n");
  expect(proxy.received - before).toBeLessThan(9 << 20);
  const id = await idOf("big:1");
  await must("rmi", "-f", `${proxy.host}/later/big:1`);
  await must("pull", "-q", `${proxy.host}/later/big:1`);
  expect(await idOf(`${proxy.host}/later/big:1`)).toBe(id);
});

test("a push is refused in Docker's words", async () => {
  const refused = async (...args: string[]) => {
    const { code, stdout, stderr } = await daemon().docker("push", ...args);
    expect(code).toBe(1);
    return `${stdout}${stderr}`;
  };
  const host = registry.host;
  await must("tag", "big:1", `${host}/there:1`);
  expect(await refused(`${host}/nothing`)).toContain(`An image does not exist locally with the tag: ${host}/nothing\n`);
  expect(await refused(`${host}/there:2`)).toContain(`tag does not exist: ${host}/there:2\n`);
  expect(await refused("--platform", "linux/arm64", `${host}/there:1`)).toContain(
    `image with reference ${host}/there:1 was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)`,
  );
  await must("tag", "big:1", "127.0.0.1:1/x");
  expect(await refused("127.0.0.1:1/x")).toContain("connection refused");
});

test("a registry with users takes a push from those whom it knows", async () => {
  await using closed = await startDockerRegistry({ user: "ada", password: "lovelace" });
  const name = `${closed.host}/big:1`;
  await must("tag", "big:1", name);
  const anonymous = await daemon().docker("push", name);
  expect([anonymous.code, anonymous.stderr]).toEqual([1, expect.stringContaining("no basic auth credentials")]);
  const config = mkdtempSync(join(dir, "config-"));
  const withUser = (...args: string[]) => daemon().docker("--config", config, ...args);
  expect((await withUser("login", "-u", "ada", "-p", "wrong", closed.host)).code).toBe(1);
  expect((await withUser("login", "-u", "ada", "-p", "lovelace", closed.host)).code).toBe(0);
  expect(await withUser("push", name)).toMatchObject({ code: 0 });
});
