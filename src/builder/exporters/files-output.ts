/** The outputs `tar` and `local`: the root file systems themselves, with a file for each statement about them. */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { cutTimes } from "../../images/layer-form.ts";
import { chainIds } from "../../images/manifest.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { formatPlatform } from "../../lib/platform.ts";
import { tarEnd, tarHeader, tarPadding } from "../../lib/tar/writer.ts";
import { mount } from "../../linux/mount.ts";
import { statementOf } from "../attestations/attestation-manifest.ts";
import type { BuilderOptions, BuildHold, Layer } from "../collaborators.ts";
import { holdLayers } from "../collaborators.ts";
import type { FilesOptions } from "./attributes.ts";
import type { Target } from "./image-set.ts";

type Parts = Pick<BuilderOptions, "images" | "snapshots" | "paths"> & { readonly hold: BuildHold };

/** Shows the files below one directory while `give` runs. */
export async function outputFiles(
  parts: Parts,
  targets: readonly Target[],
  options: FilesOptions,
  give: (root: string) => Promise<void>,
  op: Operation,
): Promise<void> {
  const isSplit = options.platformSplit ?? targets.length > 1;
  if (!isSplit && targets.length > 1) {
    throw invalidArgument("the files of several platforms cannot be in one directory: leave platform-split=false out");
  }
  const { snapshots, paths } = parts;
  const top = join(paths.rootfs, randomBytes(32).toString("hex"));
  mkdirSync(top, { recursive: true, mode: 0o700 });
  const added: Layer[] = [];
  try {
    // Taking it away takes what is mounted below it along, also for the engine after a crash.
    if (isSplit) mount("tmpfs", top, "tmpfs", 0, "mode=755,size=1m");
    for (const target of targets) {
      const layers = await withStatements(parts, target, options.attestationPrefix, op);
      added.push(...layers.slice(target.layers.length));
      const at = isSplit ? join(top, formatPlatform(target.platform).replaceAll("/", "_")) : top;
      mkdirSync(at, { recursive: true, mode: 0o755 });
      const topmost = layers.at(-1);
      if (topmost) await snapshots.view(topmost.chainId, at);
    }
    await give(top);
  } finally {
    await snapshots.unmount(top);
    for (const { chainId } of added) parts.hold.chains.delete(chainId);
    await parts.images.release(added);
  }
}

/** The target's layers, and one more that holds its statements. */
async function withStatements(
  { images, snapshots, hold }: Parts,
  { layers, statements, epoch }: Target,
  prefix: string,
  op: Operation,
): Promise<readonly Layer[]> {
  if (statements.length === 0) return layers;
  const pieces: Buffer[] = [];
  const mtime = { sec: epoch ?? Math.floor(Date.now() / 1000), nsec: 0 };
  for (const statement of statements) {
    const bytes = Buffer.from(`${JSON.stringify(statementOf(statement, null), null, 2)}\n`);
    const path = Buffer.from(`${prefix}${statement.fileName}`);
    pieces.push(tarHeader({ path, type: "file", mode: 0o644, size: bytes.length, mtime }));
    pieces.push(bytes, tarPadding(bytes.length));
  }
  const blob = await images.store(hold, Readable.from([Buffer.concat([...pieces, tarEnd])], { objectMode: false }), op);
  const chainId = chainIds([...layers.map(({ diffId }) => diffId), blob.digest]).at(-1)!;
  const layer: Layer = { blob, diffId: blob.digest, chainId };
  holdLayers(hold, [layer]);
  const request = { chainId, parent: layers.at(-1)?.chainId ?? null, diffId: blob.digest };
  await snapshots.applyLayer(request, images.pathOf(blob), op);
  return [...layers, layer];
}

/** The tree below `root` as one tar, no file later than the epoch where there is one; ends `to`, or destroys it. */
export async function writeTree(
  { snapshots }: Pick<Parts, "snapshots">,
  root: string,
  epoch: number | null,
  to: Writable,
  op: Operation,
): Promise<void> {
  const tar = snapshots.treeTar(root);
  const source = epoch === null ? tar : Readable.from(cutTimes(tar, epoch), { objectMode: false });
  await pipeline(source, to, { signal: op.signal });
}
