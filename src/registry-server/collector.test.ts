import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, digestOf, hexOf } from "../lib/digest.ts";
import { Blobs } from "./blobs.ts";
import { Collector } from "./collector.ts";
import { FileStorage } from "./file-storage.ts";
import type { RepositoryName } from "./layout.ts";
import * as layout from "./layout.ts";
import { Repositories } from "./repositories.ts";
import { ReferencedRetention } from "./retention.ts";

const name = "some/box" as RepositoryName;
const imageType = "application/vnd.oci.image.manifest.v1+json";
let root: string;
let storage: FileStorage;
let repositories: Repositories;
const later = Date.now() + 3600_000;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "dhow-collector-"));
  storage = new FileStorage(root);
  repositories = new Repositories(new Blobs(storage));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const said: string[] = [];
const collect = (options: Partial<{ untagged: boolean; graceMs: number; now: number }> = {}) =>
  new Collector(repositories, {
    graceMs: options.graceMs ?? 1000,
    uploadMs: 7 * 24 * 3600_000,
    retention: new ReferencedRetention(repositories, options.untagged ?? false),
  }).run((message) => said.push(message), options.now ?? later);

async function addBlob(text: string): Promise<Digest> {
  const digest = digestOf(text);
  await repositories.blobs.put(digest, Buffer.from(text));
  await repositories.addBlob(name, digest);
  return digest;
}

async function addManifest(
  tag: string | null,
  layers: readonly string[],
  subject: Digest | null = null,
): Promise<Digest> {
  const descriptors = [];
  for (const text of layers) descriptors.push({ mediaType: "x", digest: await addBlob(text), size: text.length });
  const [config, ...rest] = descriptors;
  const about = subject ? { subject: { mediaType: imageType, digest: subject, size: 1 } } : {};
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: imageType, config, layers: rest, ...about }));
  await repositories.addManifest(name, { digest: digestOf(bytes), bytes, tags: tag === null ? [] : [tag], subject });
  return digestOf(bytes);
}

const isThere = async (digest: Digest) => (await storage.size(layout.blobPath(digest))) !== null;

test("what a manifest needs stays, what nothing needs goes with its link", async () => {
  const manifest = await addManifest("v1", ["config", "layer"]);
  const stray = await addBlob("stray");
  expect(await collect()).toEqual({ manifests: 0, links: 1, blobs: 1, bytes: 5, uploads: 0 });
  expect(await Promise.all([manifest, digestOf("config"), digestOf("layer"), stray].map(isThere))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(await repositories.blobSize(name, stray)).toBeNull();
  expect(await collect()).toMatchObject({ links: 0, blobs: 0 });
});

const directories = (below: string) =>
  readdirSync(join(root, "docker/registry/v2/repositories", name, below), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .filter((entry) => entry.length === 64);

test("what has gone leaves no directory to be read in each round from then on, nor does what went before", async () => {
  const subject = await addManifest(null, ["config", "layer"]);
  await addManifest(null, ["config", "other"], subject);
  const [manifest, stray] = [await addManifest("v1", ["config", "kept"]), await addBlob("stray")];
  // As an earlier registry left them.
  rmSync(join(root, layout.layerLink(name, stray)));
  expect(await collect({ untagged: true })).toMatchObject({ manifests: 2, links: 2 });
  expect(directories("_layers").toSorted()).toEqual([digestOf("config"), digestOf("kept")].map(hexOf).toSorted());
  expect(directories("_manifests/revisions")).toEqual([hexOf(manifest)]);
  expect(directories("_referrers")).toEqual([]);
  await repositories.removeBlob(name, digestOf("kept"));
  expect(directories("_layers")).toEqual([hexOf(digestOf("config"))]);
});

test("a link that is removed and put at the same time is there afterwards or not, and neither fails", async () => {
  const digest = await addBlob("busy");
  const link = layout.layerLink(name, digest);
  for (let round = 0; round < 100; round++)
    await Promise.all([repositories.unlink(link), repositories.addBlob(name, digest), repositories.layers(name)]);
  await repositories.addBlob(name, digest);
  expect(await repositories.layers(name)).toEqual([digest]);
});

test("what was sent, linked or asked for within the grace time stays", async () => {
  const stray = await addBlob("stray");
  expect(await collect({ now: Date.now() + 500, graceMs: 1000 })).toMatchObject({ links: 0, blobs: 0 });
  // Old on the disk, and asked for a moment ago.
  for (const path of [layout.blobPath(stray), layout.layerLink(name, stray)]) utimesSync(join(root, path), 1, 1);
  expect(await repositories.blobSize(name, stray)).toBe(5);
  expect(await collect({ now: Date.now(), graceMs: 1000 })).toMatchObject({ links: 0, blobs: 0 });
  expect(await collect()).toMatchObject({ links: 1, blobs: 1 });
});

test("after a start nothing goes before the grace time is over: whom an earlier registry told is not known", async () => {
  const stray = await addBlob("stray");
  for (const path of [layout.blobPath(stray), layout.layerLink(name, stray)]) utimesSync(join(root, path), 1, 1);
  repositories = new Repositories(new Blobs(storage));
  expect(await collect({ now: Date.now() + 900, graceMs: 1000 })).toMatchObject({ links: 0, blobs: 0 });
  expect(await collect({ now: Date.now() + 1100, graceMs: 1000 })).toMatchObject({ links: 1, blobs: 1 });
});

test("untagged manifests go when they are asked to, but for what an index or a subject keeps", async () => {
  const tagged = await addManifest("v1", ["c1", "l1"]);
  const untagged = await addManifest(null, ["c2", "l2"]);
  const signature = await addManifest(null, ["c3"], tagged);
  const orphan = await addManifest(null, ["c4"], untagged);
  const child = await addManifest(null, ["c5", "l5"]);
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: imageType, digest: child, size: 1 }] }),
  );
  await repositories.addManifest(name, { digest: digestOf(index), bytes: index, tags: ["all"], subject: null });
  expect(await collect()).toMatchObject({ manifests: 0, blobs: 0 });
  expect(await collect({ untagged: true })).toMatchObject({ manifests: 2, links: 3, blobs: 5 });
  const left = await Promise.all(
    [tagged, signature, child, digestOf(index), untagged, orphan].map((one) => repositories.hasManifest(name, one)),
  );
  expect(left).toEqual([true, true, true, true, false, false]);
  expect(await repositories.referrers(name, untagged)).toEqual([]);
});

test("where a manifest cannot be read nothing that it may need goes", async () => {
  const manifest = await addManifest("v1", ["config", "layer"]);
  const stray = await addBlob("stray");
  await storage.write(layout.blobPath(manifest), "{");
  said.length = 0;
  expect(await collect()).toMatchObject({ links: 0, blobs: 0 });
  expect(said.join()).toContain("some/box is left alone");
  expect(await Promise.all([stray, digestOf("layer")].map(isThere))).toEqual([true, true]);
});

test("a blob that is asked for while it goes is either there to stay or said to be gone", async () => {
  let gone = 0;
  for (let round = 0; round < 72; round++) {
    const digest = await addBlob(`round ${round}`);
    for (const path of [layout.blobPath(digest), layout.layerLink(name, digest)]) utimesSync(join(root, path), 1, 1);
    repositories.blobs.forgetTold(Number.POSITIVE_INFINITY);
    const removal = collect({ now: Date.now(), graceMs: 0 });
    if (round % 12 === 0) await removal;
    for (let turns = round % 12; turns > 0; turns--) await new Promise((next) => setImmediate(next));
    const told = await repositories.blobSize(name, digest);
    await removal;
    if (told !== null) expect([round, await isThere(digest)]).toEqual([round, true]);
    else {
      gone++;
      await addBlob(`round ${round}`);
      expect(await repositories.blobSize(name, digest)).not.toBeNull();
    }
    await storage.remove("docker");
  }
  expect(gone).toBeGreaterThan(0);
}, 60_000);

test("hardening 142: an upload that nobody went on with for a week is given up", async () => {
  const path = layout.uploadPath(name, "0-1");
  await storage.write(`${path}/startedat`, "x");
  expect(await collect({ now: Date.now() + 6 * 24 * 3600_000 })).toMatchObject({ uploads: 0 });
  expect(await collect({ now: Date.now() + 8 * 24 * 3600_000 })).toMatchObject({ uploads: 1 });
  expect(await storage.list(layout.uploadsPath(name))).toEqual([]);
});
