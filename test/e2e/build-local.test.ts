/** Builds with directories of blobs on the client's side: caches, OCI layouts as outputs and as contexts. */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const root = mkdtempSync(join(tmpdir(), "dhow-build-local-"));
afterAll(() => rmSync(root, { recursive: true }));

let contexts = 0;
function context(dockerfile: string): string {
  const path = join(root, `c${contexts++}`);
  mkdirSync(path);
  writeFileSync(join(path, "Dockerfile"), dockerfile);
  return path;
}

const build = (...args: string[]) => daemon().dhow("build", "--progress", "plain", ...args);
const prune = () => daemon().must("builder", "prune", "-af");

test("a cache goes into a directory, and another engine's build takes it from there", async () => {
  const path = context("FROM busybox\nRUN echo made > /made\n");
  const cache = join(root, "cache");
  const made = await build("--cache-to", `type=local,dest=${cache}`, "-t", "local:one", path);
  expect({ code: made.code, failed: made.code === 0 ? "" : made.stderr }).toEqual({ code: 0, failed: "" });
  const index = JSON.parse(readFileSync(join(cache, "index.json"), "utf8")) as { manifests: { digest: string }[] };
  expect(existsSync(join(cache, "blobs/sha256", index.manifests[0]!.digest.slice(7)))).toBe(true);
  expect(readdirSync(join(cache, "blobs/sha256")).filter((name) => name.startsWith("."))).toEqual([]);
  await daemon().must("rmi", "local:one");
  await prune();
  const again = await build("--cache-from", `type=local,src=${cache}`, path);
  expect(again.stderr).toMatch(/RUN echo made > \/made\n#\d+ CACHED/);
  await prune();
  const without = await build("--cache-from", `type=local,src=${root}`, path);
  expect([without.code, without.stderr]).toEqual([
    0,
    expect.stringContaining(`WARNING: local cache import at ${root} not found`),
  ]);
  expect(without.stderr).not.toContain("CACHED [2/2]");
});

test("an image becomes a layout in a directory, and the layout the base of another build", async () => {
  const layout = join(root, "layout");
  const path = context("FROM busybox\nENV FROM=layout\nRUN echo one > /f\n");
  const output = `type=oci,tar=false,dest=${layout}`;
  const made = await build("-o", output, "-t", "local/base:1", path);
  expect({ code: made.code, failed: made.code === 0 ? "" : made.stderr }).toEqual({ code: 0, failed: "" });
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
    manifests: { annotations: object }[];
  };
  expect(index.manifests.map(({ annotations }) => annotations)).toEqual([
    { "io.containerd.image.name": "docker.io/local/base:1", "org.opencontainers.image.ref.name": "1" },
  ]);
  await prune();
  const other = context("FROM base\nCOPY --from=base /f /g\nRUN echo $FROM >> /g\n");
  const from = (where: string) => build("--build-context", `base=oci-layout://${where}`, "-t", "local:two", other);
  const second = await from(layout);
  expect({ code: second.code, failed: second.code === 0 ? "" : second.stderr }).toEqual({ code: 0, failed: "" });
  expect(await daemon().must("run", "--rm", "local:two", "cat", "/g")).toBe("one\nlayout\n");
  expect((await from(`${layout}:1`)).code).toBe(0);
  expect((await from(`${layout}:none`)).stderr).toContain("has nothing under the tag none: it has 1");
  expect((await from(join(root, "nowhere"))).stderr).toContain("nowhere is no OCI layout");
  expect((await from(`${layout}@sha256:${"0".repeat(64)}`)).stderr).toContain("not found");
  await daemon().must("rmi", "local:two");
});

test("a target as a context is bake's alone, and the host of RUN has the name that is asked for", async () => {
  const target = await build("--build-context", "a=target:b", context("FROM busybox\n"));
  expect([target.code, target.stderr]).toEqual([1, expect.stringContaining("target:b is a target of a bake file")]);
  const path = context('FROM busybox\nRUN echo "<$(hostname)>"\n');
  const hosts = [];
  for (const args of [[], ["--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=box"]]) {
    const { stderr } = await build(...args, path);
    hosts.push(/ <(.*)>\n/.exec(stderr)?.[1]);
  }
  expect(hosts).toEqual(["buildkitsandbox", "box"]);
});
