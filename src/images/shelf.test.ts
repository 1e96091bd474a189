import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeLayers, fakeLayers } from "../../test/fixtures/fake-layers.ts";
import { ContentStore } from "../content/content-store.ts";
import { type Digest, digestOf } from "../lib/digest.ts";
import { background } from "../lib/operation.ts";
import { parseReference } from "../lib/reference.ts";
import { Database } from "../state/database.ts";
import { Catalog } from "./catalog.ts";
import { chainIds, type Descriptor, mediaTypes, parseConfig, parseManifest } from "./manifest.ts";
import { remove } from "./remove.ts";
import { type Arrival, Shelf } from "./shelf.ts";

let root: string;
let db: Database;
let content: ContentStore;
let layers: FakeLayers;
let shelf: Shelf;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "dhow-shelf-"));
  db = Database.open(":memory:");
  content = new ContentStore(root);
  layers = fakeLayers();
  shelf = new Shelf(new Catalog(db, content, () => {}), layers);
});
afterEach(() => {
  db[Symbol.dispose]();
  rmSync(root, { recursive: true });
});

const blobs = (): string[] => readdirSync(join(root, "blobs/sha256"));

/** An image of the named layers, its blobs stored. */
async function arrive(name: string, ...texts: string[]): Promise<Arrival> {
  const put = async (bytes: string, mediaType: string): Promise<Descriptor> => ({
    mediaType,
    ...(await content.put(Buffer.from(bytes))),
  });
  const diffIds = texts.map((text) => digestOf(Buffer.from(text)));
  const configText = JSON.stringify({ os: "linux", author: name, rootfs: { type: "layers", diff_ids: diffIds } });
  const config = await put(configText, mediaTypes.ociConfig);
  const stored = await Promise.all(texts.map((text) => put(text, mediaTypes.ociLayer)));
  const bytes = JSON.stringify({ schemaVersion: 2, config, layers: stored });
  const manifestDescriptor = await put(bytes, mediaTypes.ociManifest);
  const parsed = parseManifest(Buffer.from(bytes), mediaTypes.ociManifest);
  if (parsed.kind !== "manifest") throw new Error("not a manifest");
  return {
    id: config.digest,
    file: parseConfig(Buffer.from(configText)),
    manifest: parsed.manifest,
    manifestDescriptor,
    target: manifestDescriptor,
    names: [parseReference(`${name}:1`)],
  };
}

async function place(arrival: Arrival): Promise<void> {
  using hold = shelf.hold();
  await shelf.place(arrival, hold, background());
}

const chainOf = (arrival: Arrival): Digest[] => chainIds(arrival.file.rootfs.diff_ids);

test("collect() deletes the layers and blobs that no image needs, and leaves what a container stands on", async () => {
  const kept = await arrive("kept", "shared", "own");
  await place(kept);
  const before = blobs().sort();
  const lost = await arrive("lost", "shared", "second", "third");
  const used = await arrive("used", "fourth", "fifth");
  for (const one of [lost, used]) {
    const chain = chainOf(one);
    for (const [i, id] of chain.entries()) layers.applied.set(id, chain[i - 1] ?? null);
  }
  layers.inUse.add(chainOf(used)[0]!);
  await shelf.collect();
  expect([...layers.applied.keys()].sort()).toEqual([...chainOf(kept), chainOf(used)[0]!].sort());
  expect(blobs().sort()).toEqual(before);
});

test("collect() leaves what an operation holds, and everything while an image cannot be read", async () => {
  const arrival = await arrive("held", "a", "b");
  const hold = shelf.hold();
  for (const id of chainOf(arrival)) layers.applied.set(id, null);
  for (const id of chainOf(arrival)) hold.chains.add(id);
  await shelf.collect();
  expect(layers.applied.size).toBe(2);
  hold[Symbol.dispose]();
  const broken = await arrive("broken", "c");
  await place(broken);
  rmSync(content.path(broken.manifestDescriptor.digest));
  const reopened = new Shelf(new Catalog(db, content, () => {}), layers);
  await reopened.collect();
  expect(layers.applied.size).toBe(3);
});

test("remove() of a spoilt image takes what had to be kept because of it", async () => {
  const broken = await arrive("broken", "shared", "c");
  const other = await arrive("other", "shared", "d");
  const kept = await arrive("kept", "shared", "e");
  for (const one of [broken, other, kept]) await place(one);
  writeFileSync(content.path(broken.manifestDescriptor.digest), "spoilt");
  shelf = new Shelf(new Catalog(db, content, () => {}), layers);
  const sources = { catalog: shelf.catalog, snapshots: layers, usersOf: () => [] };
  const query = { force: false, noprune: false, platforms: [] };
  await remove(shelf, sources, "other:1", query);
  expect(layers.applied.size).toBe(4); // nobody knew what the spoilt image needs
  await remove(shelf, sources, "broken:1", query);
  expect([...layers.applied.keys()].sort()).toEqual(chainOf(kept).sort());
  expect(blobs().length).toBe(4);
});

test("release() spares layers and blobs of an image that came in while it waited", async () => {
  const first = await arrive("first", "one", "two");
  await place(first);
  const second = await arrive("second", "one", "two");
  layers.onSize = async () => {
    layers.onSize = async () => {};
    await place(second);
  };
  shelf.catalog.forget(first.id);
  await shelf.release(
    chainOf(first),
    first.manifest.layers.map(({ digest }) => digest),
  );
  expect([...layers.applied.keys()]).toEqual(chainOf(second));
  expect(second.manifest.layers.every(({ digest }) => content.has(digest))).toBe(true);
});

test("what came by a hold that is abandoned goes, but for what an image or another hold needs", async () => {
  await place(await arrive("kept", "base"));
  const before = blobs();
  const failed = shelf.hold();
  const other = shelf.hold();
  for (const text of ["base", "lost", "wanted"]) await content.put(Buffer.from(text), failed.lease);
  other.lease.add(digestOf(Buffer.from("wanted")));
  await shelf.abandon(failed);
  expect(blobs().sort()).toEqual([...before, digestOf(Buffer.from("wanted")).slice(7)].sort());
  await shelf.abandon(other);
  expect(blobs().sort()).toEqual(before.sort());
});
