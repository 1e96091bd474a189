import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { dockerArchive, layer } from "../../test/fixtures/docker-archive.ts";
import { fakeLayers } from "../../test/fixtures/fake-layers.ts";
import { entriesOf } from "../../test/fixtures/tar-builder.ts";
import { ContainerConfig } from "../api/containers.ts";
import { parseWire } from "../api/wire.ts";
import { applyChanges } from "../builder/dockerfile/plan/config-changes.ts";
import { digestOf } from "../lib/digest.ts";
import { background } from "../lib/operation.ts";
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
    applyChanges,
    usersOf: () => users,
    emit: () => {},
    snapshots: fakeLayers(),
  });
});
afterEach(() => {
  db[Symbol.dispose]();
  rmSync(root, { recursive: true });
});

async function load(bytes: Buffer): Promise<string> {
  let told = "";
  const query = { quiet: true, platforms: [] };
  await images.load(query, Readable.from([bytes]), (message) => (told += message.stream ?? ""), background());
  return told;
}
const blobs = (): number => readdirSync(join(root, "blobs/sha256")).length + readdirSync(join(root, "ingest")).length;

test("load() takes a Docker archive, packed or not, and says what it loaded", async () => {
  expect(await load(dockerArchive())).toBe("Loaded image: a:1\n");
  expect(await load(gzipSync(dockerArchive()))).toBe("Loaded image: a:1\n");
  expect(images.resolve("a:1").chainId).toBe(digestOf(layer));
});

test("remove() refuses an image in use, then takes its layers and blobs with it", async () => {
  await load(dockerArchive());
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
  await load(dockerArchive());
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
  await load(dockerArchive());
  const saved = await images.save(["a:1", "a:1"], { platforms: [] }, background());
  const entries = entriesOf(Buffer.concat(await saved.toArray()));
  const manifest = JSON.parse(entries.get("manifest.json")?.data.toString() ?? "");
  expect(manifest[0].RepoTags).toEqual(["a:1"]);
});

test("save() gives what load() takes", async () => {
  await load(dockerArchive());
  const saved = await images.save(["a:1"], { platforms: [] }, background());
  const bytes = Buffer.concat(await saved.toArray());
  await images.remove("a:1", { force: false, noprune: false, platforms: [] }, background());
  expect(await load(bytes)).toBe("Loaded image: a:1\n");
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
