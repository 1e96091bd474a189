/** Hardening, section A: archives of images made to hurt. What a kernel is needed for is in test/e2e/hardening-images.test.ts. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { archiveOf, type Content, config, dockerArchive, layer } from "../../test/fixtures/docker-archive.ts";
import { pullBench } from "../../test/fixtures/pull-bench.ts";
import { rawHeader } from "../../test/fixtures/tar-builder.ts";
import { digestOf } from "../lib/digest.ts";
import { background } from "../lib/operation.ts";

const bench = pullBench();

function load(bytes: Buffer | Iterable<Buffer>): Promise<void> {
  const query = { quiet: true, platforms: [] };
  const source = Buffer.isBuffer(bytes) ? [bytes] : bytes;
  return bench.images.load(query, Readable.from(source), () => {}, background());
}
const blobs = (): number =>
  readdirSync(join(bench.root, "blobs/sha256")).length + readdirSync(join(bench.root, "ingest")).length;
const table = (...entries: { Config?: unknown; RepoTags?: unknown; Layers?: unknown }[]): string =>
  JSON.stringify(entries.map((entry) => ({ Config: "c.json", RepoTags: ["a:1"], Layers: ["l/layer.tar"], ...entry })));

test("hardening 33: load() follows a link inside the archive and none out of it", async () => {
  await load(dockerArchive({ "l/layer.tar": { link: "../real.tar" }, "real.tar": layer }));
  const links: [string, string][] = [
    ["l/layer.tar", "../../../../../etc/passwd"],
    ["l/layer.tar", "layer.tar"],
    ["c.json", "/etc/passwd"],
    ["manifest.json", "/etc/passwd"],
  ];
  for (const [name, link] of links) {
    await expect(load(dockerArchive({ [name]: { link } }))).rejects.toThrow(/does not hold|holds no image/);
  }
  await bench.images.remove("a:1", { force: true, noprune: false, platforms: [] }, background());
  const digest = digestOf("x");
  const index = JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "", digest, size: 1 }] });
  await expect(
    load(archiveOf({ "index.json": index, [`blobs/sha256/${digest.slice(7)}`]: { link: "/etc/passwd" } })),
  ).rejects.toThrow();
  expect(blobs()).toBe(0);
});

test.each([
  [{ Config: "../../etc/passwd" }, "does not hold"],
  [{ Layers: ["/etc/passwd"] }, "does not hold"],
  [{ Layers: ["l/../../layer.tar"] }, "does not hold"],
  [{ RepoTags: ["../../x:1"] }, "invalid reference format"],
  [{ RepoTags: ["a/../b:1"] }, "invalid reference format"],
  [{ RepoTags: [`a:${"x".repeat(129)}`] }, "invalid reference format"],
  [{ RepoTags: [`busybox@sha256:${"a".repeat(64)}`] }, "refusing to create a tag with a digest reference"],
  [{ RepoTags: [`busybox:1@sha256:${"a".repeat(64)}`] }, "refusing to create a tag with a digest reference"],
  [{ RepoTags: ["sha256:abcdef"] }, "refusing to create an ambiguous tag using digest algorithm as name"],
  [{ RepoTags: ["busybox"] }, 'invalid tag "busybox"'],
  [{ RepoTags: [null] }, "invalid manifest.json"],
  [{ Config: null }, "invalid manifest.json"],
] as const)("hardening 33: load() refuses a manifest.json with %j, and leaves nothing", async (entry, words) => {
  await expect(load(dockerArchive({ "manifest.json": table(entry) }))).rejects.toThrow(words);
  expect(blobs()).toBe(0);
});

test("hardening 33: load() moves a name that is in use only for an archive whose names are all valid", async () => {
  await load(dockerArchive());
  const before = bench.images.resolve("a:1").id;
  const other = JSON.stringify({ ...config, author: "other" });
  const changed = (...tags: string[]): Record<string, Content> => ({
    "c.json": other,
    "manifest.json": table({ RepoTags: ["a:1"] }, { RepoTags: tags }),
  });
  for (const tag of ["../../x:1", "a", `a@${digestOf("x")}`]) {
    await expect(load(dockerArchive(changed(tag)))).rejects.toThrow();
    expect(bench.images.resolve("a:1").id).toBe(before);
  }
  await load(dockerArchive(changed("b:1")));
  expect(bench.images.resolve("a:1").id).toBe(digestOf(other));
});

test.each(["index.json", "manifest.json", "./index.json"])(
  "hardening 33: load() stores nothing of a %s of a gigabyte",
  async (name) => {
    let sent = 0;
    function* gigabyte(): Generator<Buffer> {
      yield rawHeader("0", name, (2 ** 30).toString(8));
      const chunk = Buffer.alloc(1 << 20, " ");
      for (; sent < 1024; sent++) yield chunk;
    }
    await expect(load(gigabyte())).rejects.toThrow("in archive is larger than 8388608 bytes");
    expect(blobs()).toBe(0);
    expect(sent).toBeLessThan(64);
  },
);

test("hardening 25: load() reads a manifest once, however often index.json names it", async () => {
  const place = (bytes: string) => ({ [`blobs/sha256/${digestOf(bytes).slice(7)}`]: bytes });
  const inner = JSON.stringify({ schemaVersion: 2, manifests: [], annotations: { a: "x".repeat(7_000_000) } });
  const named = {
    mediaType: "application/vnd.oci.image.index.v1+json",
    digest: digestOf(inner),
    size: inner.length,
  };
  const layout = (entries: number) =>
    archiveOf({
      ...place(inner),
      "index.json": JSON.stringify({ schemaVersion: 2, manifests: Array.from({ length: entries }, () => named) }),
    });
  const begun = performance.now();
  await expect(load(layout(1000))).rejects.toThrow("archive holds no image for the requested platform");
  expect(performance.now() - begun).toBeLessThan(4000);
  await expect(load(layout(1001))).rejects.toThrow("too many manifests");
});

test("hardening 20, 27: load() refuses configs that do not fit their layers, or whose fields are of a wrong type", async () => {
  const wrong = [
    { ...config, rootfs: null },
    { ...config, rootfs: undefined },
    { ...config, history: [null] },
    { ...config, rootfs: { type: "layers", diff_ids: ["sha256:../../x"] } },
    { ...config, rootfs: { type: "layers", diff_ids: [] } },
    { ...config, rootfs: { type: "layers", diff_ids: [digestOf(layer), digestOf(layer)] } },
    { ...config, config: { Env: 1 } },
    { ...config, config: { User: {} } },
    { ...config, os: 5 },
    { ...config, history: [{}, {}] },
    [],
    null,
  ];
  for (const one of wrong) await expect(load(dockerArchive({}, one))).rejects.toThrow();
  expect(blobs()).toBe(0);
});
