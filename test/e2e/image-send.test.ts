/** `image send` between two engines on one machine: what goes over, what does not, and what a broken line leaves. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline, Transform } from "node:stream";
import { run, succeed, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { TerminalClient } from "../harness/terminal.ts";
import { withDaemon } from "./fixture.ts";

const near = withDaemon();
const far = withDaemon();
const dir = mkdtempSync(join(tmpdir(), "dhow-send-"));
const farHost = () => `unix://${far().socket}`;

const blobsAt = (daemon: typeof near) => readdirSync(join(daemon().dataRoot, "content/blobs/sha256")).toSorted();
const idAt = async (daemon: typeof near, name: string) =>
  (await daemon().must("image", "inspect", "-f", "{{.Id}} {{.Descriptor.digest}}", name)).trim();

/** Makes `name` of busybox with one more layer of so many random bytes. */
async function make(name: string, bytes: number): Promise<void> {
  writeFileSync(join(dir, "noise"), randomBytes(bytes));
  await near().must("create", "--name", "maker", "busybox", "true");
  await near().must("cp", join(dir, "noise"), "maker:/noise");
  await near().must("commit", "maker", name);
  await near().must("rm", "maker");
}

beforeAll(async () => {
  await make("app:1", 1 << 20);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("only what the other engine lacks goes over, and the image is the same there", async () => {
  // Both have busybox: one layer of two goes over.
  const first = await near().dhow("image", "send", "app:1", farHost());
  expect([first.code, first.stderr]).toEqual([0, ""]);
  expect(first.stdout).toMatch(/^Loaded image: app:1\nSent 1\.\d+MB to unix:.*: 1 of 2 layers, the rest was there\n$/);
  expect(await idAt(far, "app:1")).toBe(await idAt(near, "app:1"));
  expect(await far().must("run", "--rm", "app:1", "sh", "-c", "wc -c < /noise")).toBe(`${1 << 20}\n`);
  const again = await near().must("image", "send", "app:1", farHost());
  expect(again).toMatch(/\nSent \d+(\.\d+)?kB to unix:.*: 0 of 2 layers, the rest was there\n$/);
  const env = { DOCKER_HOST: `unix://${near().socket}`, DHOW_AUTOSTART: "0" };
  await using terminal = new TerminalClient([dhowBinary, "image", "send", "app:1", farHost()], env);
  expect(await terminal.exited()).toBe(0);
  await until("what a terminal is told", () => /Sending \d+.*Sent /s.test(terminal.output));
  // The other lacks nothing of it, under another name too.
  await near().must("tag", "app:1", "other:2");
  await near().must("image", "send", "-q", "other:2", "app:1", farHost());
  expect(await idAt(far, "other:2")).toBe(await idAt(near, "app:1"));
  expect((await far().dhow("system", "check")).code).toBe(0);
  await far().must("rmi", "app:1", "other:2");
  await near().must("rmi", "other:2");
  expect((await far().dhow("system", "check")).code).toBe(0);
});

test("a blob that the other engine has damaged goes over again", async () => {
  await near().must("image", "send", "app:1", farHost());
  const [, layer = ""] = (await far().must("image", "layers", "-q", "app:1")).split("\n");
  writeFileSync(join(far().dataRoot, "content/blobs", layer.replace(":", "/")), "short");
  expect(await near().must("image", "send", "app:1", farHost())).toContain(": 1 of 2 layers, the rest was there");
  expect((await far().dhow("system", "check")).code).toBe(0);
  await far().must("rmi", "app:1");
});

test("a send that is interrupted leaves nothing, and the next one sends what is missing", async () => {
  await make("big:1", 32 << 20);
  const before = blobsAt(far);
  const child = Bun.spawn([dhowBinary, "image", "send", "big:1", farHost()], {
    env: { ...process.env, DOCKER_HOST: `unix://${near().socket}` },
    stdio: ["ignore", "ignore", "ignore"],
  });
  const ingest = () => readdirSync(join(far().dataRoot, "content/ingest"));
  await until("the first bytes", () => ingest().length > 0);
  child.kill("SIGKILL");
  await child.exited;
  await until("the end of the load", () => ingest().length === 0);
  expect(blobsAt(far)).toEqual(before);
  expect((await far().dhow("image", "inspect", "big:1")).code).toBe(1);
  expect((await near().dhow("system", "check")).code).toBe(0);
  expect(await near().must("image", "send", "big:1", farHost())).toContain(": 1 of 2 layers, the rest was there");
  expect(await idAt(far, "big:1")).toBe(await idAt(near, "big:1"));
  await far().must("rmi", "big:1");
  await near().must("rmi", "big:1");
}, 30_000);

/** A daemon that has Docker's routes only: ours are called by names that it does not know. */
async function plainDaemon(socket: string) {
  const path = join(dir, `plain-${Bun.hash(socket).toString(36)}.sock`);
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const daemon = connect({ path: socket, allowHalfOpen: true });
    const rename = new Transform({
      transform: (bytes: Buffer, _encoding, done) => {
        const at = bytes.indexOf("/dhow/v1/");
        if (at >= 0) bytes.write("/none/v1/", at);
        done(null, bytes);
      },
    });
    pipeline(client, rename, daemon, client, () => {});
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { host: `unix://${path}`, [Symbol.dispose]: () => server.close() };
}

test("a daemon that is not dhow's is sent whole images, and is told to be that", async () => {
  using plain = await plainDaemon(far().socket);
  const sent = await near().dhow("image", "send", "app:1", plain.host);
  expect(sent).toMatchObject({
    code: 0,
    stderr: "the receiving daemon is not dhow's and cannot tell layers: whole images are sent\n",
  });
  expect(sent.stdout).toMatch(/^Loaded image: app:1\nSent 3\.\d+MB to /);
  await far().must("rmi", "app:1");
  using plainNear = await plainDaemon(near().socket);
  const env = { DOCKER_HOST: plainNear.host, DHOW_AUTOSTART: "0" };
  const other = await run([dhowBinary, "image", "send", "-q", "app:1", farHost()], { env });
  expect([other.code, other.stderr]).toEqual([0, ""]);
  expect(await idAt(far, "app:1")).toBe(await idAt(near, "app:1"));
  await far().must("rmi", "app:1");
  const refused = await run([dhowBinary, "image", "explore", "app:1"], { env });
  expect(refused.stderr).toBe("image explore needs a dhow daemon: the one that answers does not know how to\n");
});

test("contexts and ssh:// lead to the other engine", async () => {
  const bin = join(dir, "bin");
  mkdirSync(bin);
  writeFileSync(
    join(bin, "ssh"),
    `#!/bin/bash\nwhile [ "$1" != -- ]; do shift; done\nshift 2\nexport DOCKER_HOST=${farHost()}\nexec "$@"\n`,
  );
  chmodSync(join(bin, "ssh"), 0o755);
  symlinkSync(dhowBinary, join(bin, "dhow"));
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    DOCKER_HOST: `unix://${near().socket}`,
    DOCKER_CONFIG: join(dir, "config"),
    DHOW_AUTOSTART: "0",
  };
  await succeed([dhowBinary, "context", "create", "there", "--docker", `host=${farHost()}`], { env });
  for (const host of ["there", "ssh://ann@far"]) {
    expect(await succeed([dhowBinary, "image", "send", "app:1", host], { env })).toContain(`to ${host}: 1 of 2 layers`);
    await far().must("rmi", "app:1");
  }
  const other = await run([dhowBinary, "image", "send", "--platform", "linux/s390x", "app:1", "there"], { env });
  expect([other.code, other.stderr]).toEqual([
    1,
    expect.stringContaining("no suitable export target found for platform linux/s390x"),
  ]);
  const missing = await run([dhowBinary, "image", "send", "app:1", "nowhere"], { env });
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('context "nowhere": context not found')]);
  const dead = await run([dhowBinary, "image", "send", "app:1", "unix:///nobody.sock"], { env });
  expect([dead.code, dead.stderr]).toEqual([
    1,
    expect.stringContaining("Cannot connect to the Docker daemon at unix:///nobody"),
  ]);
});

test("save --without leaves out what `image layers -q` of the other engine lists", async () => {
  const has = join(dir, "has");
  writeFileSync(has, await far().must("image", "layers", "-q"));
  const archive = join(dir, "part.tar");
  await near().must("save", "--without", has, "-o", archive, "app:1");
  const whole = join(dir, "whole.tar");
  await near().must("save", "-o", whole, "app:1");
  expect(readFileSync(whole).length - readFileSync(archive).length).toBeGreaterThan(1_900_000);
  expect(await far().must("load", "-i", archive)).toBe("Loaded image: app:1\n");
  expect(await idAt(far, "app:1")).toBe(await idAt(near, "app:1"));
  // Whoever has nothing of it is told what is missing, and nothing is left.
  await far().must("rmi", "app:1", "busybox");
  const { code, stderr } = await far().dhow("load", "-i", archive);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/unexpected size of layer sha256:[0-9a-f]{64}, or it is missing\n$/),
  ]);
  expect(blobsAt(far)).toEqual([]);
  writeFileSync(has, "sha256:short\n");
  expect((await near().dhow("save", "--without", has, "app:1")).code).toBe(1);
  await near().must("image", "send", "busybox", farHost());
});
