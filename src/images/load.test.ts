import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { fakeLayers } from "../../test/fixtures/fake-layers.ts";
import { entriesOf } from "../../test/fixtures/tar-builder.ts";
import { ContainerConfig } from "../api/containers.ts";
import { parseWire } from "../api/wire.ts";
import { digestOf } from "../lib/digest.ts";
import { background } from "../lib/operation.ts";
import { tarEnd, tarHeader, tarPadding } from "../lib/tar/writer.ts";
import { Database } from "../state/database.ts";
import type { Images } from "./images.ts";
import { createImages } from "./service.ts";

let root: string;
let images: Images;
let db: Database;
let users: { id: string; running: boolean }[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "dhow-load-"));
  db = Database.open(":memory:");
  users = [];
  images = createImages({
    db,
    contentRoot: root,
    config: {
      registry: { mirrors: [], insecure: [] },
      maxConcurrentDownloads: 3,
      maxConcurrentUploads: 5,
      maxDownloadAttempts: 5,
    },
    usersOf: () => users,
    emit: () => {},
    snapshots: fakeLayers(),
  });
});
afterEach(() => {
  db[Symbol.dispose]();
  rmSync(root, { recursive: true });
});

type Member = string | Buffer | { link: string };

function tar(members: Record<string, Member>): Buffer {
  const parts = Object.entries(members).flatMap(([name, content]) => {
    const path = Buffer.from(name);
    if (typeof content === "object" && "link" in content) {
      return [tarHeader({ path, type: "symlink", linkPath: Buffer.from(content.link as string) })];
    }
    const bytes = Buffer.from(content as string);
    return [tarHeader({ path, type: "file", mode: 0o644, size: bytes.length }), bytes, tarPadding(bytes.length)];
  });
  return Buffer.concat([...parts, tarEnd]);
}
const layer = tar({ file: "hello" });
const config = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digestOf(layer)] } };
const archive = (change: Record<string, Member> = {}, of: unknown = config): Buffer =>
  tar({
    "c.json": JSON.stringify(of),
    "l/layer.tar": layer,
    "manifest.json": JSON.stringify([{ Config: "c.json", RepoTags: ["a:1"], Layers: ["l/layer.tar"] }]),
    ...change,
  });
async function load(bytes: Buffer): Promise<string> {
  let told = "";
  const query = { quiet: true, platforms: [] };
  await images.load(query, Readable.from([bytes]), (message) => (told += message.stream ?? ""), background());
  return told;
}
const blobs = (): number => readdirSync(join(root, "blobs/sha256")).length + readdirSync(join(root, "ingest")).length;

test("load() takes a Docker archive, packed or not, and says what it loaded", async () => {
  expect(await load(archive())).toBe("Loaded image: a:1\n");
  expect(await load(gzipSync(archive()))).toBe("Loaded image: a:1\n");
  expect(images.resolve("a:1").chainId).toBe(digestOf(layer));
});

test("load() follows a link inside the archive and none out of it", async () => {
  await load(archive({ "l/layer.tar": { link: "../real.tar" }, "real.tar": layer }));
  await expect(load(archive({ "l/layer.tar": { link: "../../../../../etc/passwd" } }))).rejects.toThrow(
    "does not hold",
  );
  await expect(load(archive({ "c.json": { link: "/etc/passwd" } }))).rejects.toThrow("does not hold");
});

test("load() refuses a manifest that names files outside, and leaves nothing", async () => {
  const manifest = JSON.stringify([{ Config: "../../etc/passwd", RepoTags: null, Layers: [] }]);
  await expect(load(archive({ "manifest.json": manifest }))).rejects.toThrow("does not hold");
  const badTag = JSON.stringify([{ Config: "c.json", RepoTags: ["../../x:1"], Layers: ["l/layer.tar"] }]);
  await expect(load(archive({ "manifest.json": badTag }))).rejects.toThrow("invalid reference format");
  expect(blobs()).toBe(0);
});

test("load() refuses every field of a config with a wrong type", async () => {
  const wrong = [
    { ...config, rootfs: null },
    { ...config, rootfs: undefined },
    { ...config, history: [null] },
    { ...config, rootfs: { type: "layers", diff_ids: ["sha256:../../x"] } },
    { ...config, rootfs: { type: "layers", diff_ids: [] } },
    { ...config, config: { Env: 1 } },
    { ...config, config: { User: {} } },
    { ...config, os: 5 },
    { ...config, history: [{}, {}] },
    [],
    null,
  ];
  for (const one of wrong) await expect(load(archive({}, one))).rejects.toThrow();
  expect(blobs()).toBe(0);
});

test("remove() refuses an image in use, then takes its layers and blobs with it", async () => {
  await load(archive());
  users = [{ id: "f".repeat(64), running: false }];
  const query = { force: false, noprune: false, platforms: [] };
  await expect(images.remove("a:1", query, background())).rejects.toThrow("(must force) - container ffffffffffff");
  users = [];
  const items = await images.remove("a:1", query, background());
  expect(items.map((item) => Object.keys(item)[0])).toEqual(["Untagged", "Deleted", "Deleted"]);
  expect(blobs()).toBe(0);
  expect(() => images.resolve("a:1")).toThrow("No such image: a:1");
});

test("remove() by id wants force where two tags, of one repository too, name the image", async () => {
  await load(archive());
  const { id } = images.resolve("a:1");
  await images.tag("a:1", { repo: "a", tag: "2" }, background());
  const query = { force: false, noprune: false, platforms: [] };
  await expect(images.remove(id, query, background())).rejects.toThrow(
    "(must be forced) - image is referenced in multiple repositories",
  );
  await images.remove("a:2", query, background());
  expect((await images.remove(id, query, background()))[0]).toEqual({ Untagged: "a:1" });
});

test("save() of one name twice names it once", async () => {
  await load(archive());
  const saved = await images.save(["a:1", "a:1"], { platforms: [] }, background());
  const entries = entriesOf(Buffer.concat(await saved.toArray()));
  const manifest = JSON.parse(entries.get("manifest.json")?.data.toString() ?? "");
  expect(manifest[0].RepoTags).toEqual(["a:1"]);
});

test("save() gives what load() takes", async () => {
  await load(archive());
  const saved = await images.save(["a:1"], { platforms: [] }, background());
  const bytes = Buffer.concat(await saved.toArray());
  await images.remove("a:1", { force: false, noprune: false, platforms: [] }, background());
  expect(await load(bytes)).toBe("Loaded image: a:1\n");
});

test("load() refuses a RepoTag that claims a digest, has no tag, or reads as a digest (row 33)", async () => {
  const wrong: Record<string, string> = {
    [`busybox@sha256:${"a".repeat(64)}`]: "refusing to create a tag with a digest reference",
    [`busybox:1@sha256:${"a".repeat(64)}`]: "refusing to create a tag with a digest reference",
    "sha256:abcdef": "refusing to create an ambiguous tag using digest algorithm as name",
    busybox: 'invalid tag "busybox"',
  };
  for (const [tag, message] of Object.entries(wrong)) {
    const manifest = JSON.stringify([{ Config: "c.json", RepoTags: [tag], Layers: ["l/layer.tar"] }]);
    await expect(load(archive({ "manifest.json": manifest }))).rejects.toThrow(message);
  }
  expect(blobs()).toBe(0);
});

test("commit() that is refused does not begin to pack the layer", async () => {
  let begun = 0;
  const request = {
    parent: null,
    config: parseWire(ContainerConfig, {}),
    author: "",
    comment: "",
    createdBy: "",
    diff: () => {
      begun++;
      return Readable.from([layer]);
    },
  };
  const refused = [
    { repo: "a", tag: "?", changes: [] },
    { repo: "A", tag: "", changes: [] },
    { repo: "a", tag: "1", changes: ["FROM x"] },
  ];
  for (const one of refused) await expect(images.commit({ ...request, ...one }, background())).rejects.toThrow();
  expect(begun).toBe(0);
  await images.commit({ ...request, repo: "a", tag: "1", changes: [] }, background());
  expect(begun).toBe(1);
});

test("load() reads a manifest once, however often index.json names it (row 25)", async () => {
  const place = (bytes: string | Buffer) => ({ [`blobs/sha256/${digestOf(Buffer.from(bytes)).slice(7)}`]: bytes });
  const inner = JSON.stringify({ schemaVersion: 2, manifests: [], annotations: { a: "x".repeat(7_000_000) } });
  const named = {
    mediaType: "application/vnd.oci.image.index.v1+json",
    digest: digestOf(Buffer.from(inner)),
    size: inner.length,
  };
  const layout = (entries: number) =>
    tar({
      ...place(inner),
      "index.json": JSON.stringify({ schemaVersion: 2, manifests: Array.from({ length: entries }, () => named) }),
    });
  const begun = performance.now();
  await expect(load(layout(1000))).rejects.toThrow("archive holds no image for the requested platform");
  expect(performance.now() - begun).toBeLessThan(4000);
  await expect(load(layout(1001))).rejects.toThrow("too many manifests");
});
