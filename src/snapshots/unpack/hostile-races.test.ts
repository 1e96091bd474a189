/** Hardening 10: somebody else swaps a directory of the tree for a link to the host while an archive is unpacked into it. */
import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setCanary } from "../../../test/canary.ts";
import { tarOf } from "../../../test/fixtures/tar-builder.ts";
import { background } from "../../lib/operation.ts";
import { createArchives } from "../archive.ts";
import { OverlaySnapshotter } from "../overlay.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-race-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }), 60_000);

/** Members whose paths lead through `d` in many ways, so that no remembered directory saves the walk; 10,000 in five rounds. */
const tries = 2000;
const rounds = 5;

/** An archive that makes the link's target a place inside the root, too, so that a member that took the link is not refused. */
const archiveFor = (target: string): Buffer =>
  tarOf(
    { path: `${target.slice(1)}/folder`, type: "directory" },
    ...Array.from({ length: tries }, (_, i) => ({
      path: ["d/secret", `d/n${i}`, `d/folder/n${i}`, `d/sub${i % 100}/n`][i % 4]!,
      type: "file" as const,
      data: "hostile",
    })),
  );

/** A process that swaps `d` in every directory that the expression `places` gives, until it is ended. */
function swapping(places: string, target: string): Disposable {
  // Under a new name each time: what is unpacked meanwhile may have made the directory anew.
  const script = `const fs = require("node:fs");
    for (let n = 0; ; n++) for (const r of ${places}) {
      const real = r + "/real" + n;
      try { fs.renameSync(r + "/d", real); fs.symlinkSync(${JSON.stringify(target)}, r + "/d"); } catch {}
      try { fs.unlinkSync(r + "/d"); fs.renameSync(real, r + "/d"); } catch {}
    }`;
  const child = Bun.spawn([process.execPath, "-e", script]);
  return { [Symbol.dispose]: () => child.kill("SIGKILL") };
}

test("hardening 10, 39: a directory swapped for a link while an archive goes in and out leads nowhere", async () => {
  using canary = setCanary();
  const root = join(dir, "container");
  mkdirSync(join(root, "d"), { recursive: true });
  using _swapper = swapping(JSON.stringify([root]), canary.dir);
  const archives = createArchives();
  const tar = archiveFor(canary.dir);
  let read = 0;
  for (let round = 0; round < rounds || read === 0; round++) {
    // Through the directory from above, and into it; a path that is gone for a moment is refused.
    for (const path of ["/", "/d"]) {
      await archives.writeArchive(root, path, Readable.from([tar]), {}, background()).catch(() => {});
    }
    const out = await archives.readArchive(root, "/d/secret", background()).catch(() => null);
    const bytes = await out?.tar.toArray().catch(() => []);
    expect(Buffer.concat((bytes ?? []) as Buffer[]).includes(canary.secretText)).toBe(false);
    if (bytes?.length) read++;
  }
  expect(canary.changes()).toEqual([]);
  // Links to the host led to a place of that name inside.
  expect(readdirSync(join(root, canary.dir)).length).toBeGreaterThan(1);
}, 60_000);

test("hardening 10: a directory swapped for a link in the tree of a layer that is being unpacked leads nowhere", async () => {
  using canary = setCanary();
  const tar = archiveFor(canary.dir);
  const diffId = `sha256:${createHash("sha256").update(tar).digest("hex")}`;
  const store = join(dir, "store");
  const driver = new OverlaySnapshotter(store);
  const trees = `(() => { try { return fs.readdirSync("${store}/tmp").map((t) => "${store}/tmp/" + t + "/diff"); } catch { return []; } })()`;
  using _swapper = swapping(trees, canary.dir);
  for (let round = 0; round < rounds; round++) {
    await driver.applyLayer({ chainId: diffId, parent: null, diffId }, Readable.from([tar]), background()).then(
      () => driver.removeLayer(diffId),
      () => {},
    );
  }
  expect(canary.changes()).toEqual([]);
  expect(readdirSync(join(store, "tmp"))).toEqual([]);
}, 60_000);
