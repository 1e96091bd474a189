/** The helper that unpacks one layer: reads, hashes, decompresses and extracts in one pass, then syncs. */
import { readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { answer, tellCaller } from "../../helper/helper-process.ts";
import { dataLoss, resourceExhausted, unavailable } from "../../lib/errors.ts";
import { failPoint } from "../../lib/fail-point.ts";
import type { TarTime } from "../../lib/tar/entry.ts";
import { TarReader } from "../../lib/tar/reader.ts";
import {
  AT_FDCWD,
  chmodPathFd,
  chownPathFd,
  close,
  O_DIRECTORY,
  openAt,
  syncfs,
  umask,
  utimesPathFd,
} from "../../linux/file.ts";
import { raiseFileLimit } from "../../linux/rlimit.ts";
import { fstat } from "../../linux/stat.ts";
import { lookup } from "../layer-lookup.ts";
import type { LayerRecord } from "../layer-store.ts";
import { copyRoot } from "../ownership.ts";
import { Budget } from "./budget.ts";
import { Extractor } from "./extractor.ts";
import { eachChunk } from "./layer-body.ts";

/** What the daemon asks of the helper. `body` is a file's path, or `null` for stdin. */
export interface ApplyLayerRequest {
  /** The temporary directory of this layer, holding an empty `diff`. */
  readonly dir: string;
  /** `diff` directories of the layers below, topmost first. */
  readonly parents: readonly string[];
  readonly record: Omit<LayerRecord, "size">;
  readonly body: string | null;
  /** The body is descriptor 3, a file that grows until stdin says that it is complete. */
  readonly grows?: boolean;
  readonly budget: { readonly bytes?: number; readonly inodes?: number };
}

/** Bytes of headers, padding and tail that a stream may have beside its files' data. */
const streamAllowance = 4 * 2 ** 30;

/** Of `apply-layers`: layers that stand on each other, lowest first, over those of `parents`. */
export interface ApplyLayersRequest {
  /** `diff` directories of the layers below all of them, topmost first. */
  readonly parents: readonly string[];
  readonly layers: readonly (Pick<ApplyLayerRequest, "dir" | "record" | "budget"> & { readonly body: string })[];
}

export async function applyLayerMain(args: string[]): Promise<void> {
  await answer<ApplyLayerRequest, { size: number }>(args, async (request) => {
    const applied = await applyLayer(request);
    syncFileSystemOf(request.dir);
    return applied;
  });
}

export async function applyLayersMain(args: string[]): Promise<void> {
  await answer<ApplyLayersRequest, true>(args, async ({ parents, layers }) => {
    let below = parents;
    for (const [index, layer] of layers.entries()) {
      const diff = join(layer.dir, "diff");
      copyRoot(below[0] ?? null, diff);
      await applyLayer({ ...layer, parents: below });
      below = [diff, ...below];
      tellCaller({ index });
    }
    for (const { dir } of layers.slice(0, 1)) syncFileSystemOf(dir);
    return true;
  });
}

function syncFileSystemOf(path: string): void {
  const fd = openAt(AT_FDCWD, path, O_DIRECTORY);
  try {
    syncfs(fd);
  } finally {
    close(fd);
  }
}

async function applyLayer(request: ApplyLayerRequest): Promise<{ size: number }> {
  umask(0);
  raiseFileLimit();
  const diff = join(request.dir, "diff");
  const hasher = new Bun.CryptoHasher("sha256");
  const below = request.parents.map((parent) => openAt(AT_FDCWD, parent, O_DIRECTORY));
  using extractor = new Extractor(diff, {
    mode: "layer",
    budget: Budget.at(diff, request.budget),
    onImplied: (fd, parts, replaced) => (replaced ? null : inherit(fd, below, parts)),
  });
  const reader = new TarReader(extractor);
  let total = 0;
  const limit = (request.budget.bytes ?? Number.MAX_SAFE_INTEGER - streamAllowance) + streamAllowance;
  await eachChunk(request.grows ? growing() : request.body, (chunk) => {
    total += chunk.length;
    if (total > limit) throw resourceExhausted("archive is larger than the space it may take");
    hasher.update(chunk);
    reader.push(chunk);
  });
  reader.finish();
  const found = `sha256:${hasher.digest("hex")}`;
  if (found !== request.record.diffId) {
    throw dataLoss(`layer does not match its diff id: expected ${request.record.diffId}, got ${found}`);
  }
  extractor.finish();
  failPoint("snapshots.layer.unpacked");
  const record: LayerRecord = { ...request.record, size: extractor.size };
  writeFileSync(join(request.dir, "layer.json"), JSON.stringify(record), { mode: 0o600 });
  for (const fd of below) close(fd);
  return { size: extractor.size };
}

/** Gives a directory that no member named what it has in the layers below. */
function inherit(fd: number, below: readonly number[], parts: readonly Buffer[]): TarTime | null {
  const found = lookup(below, parts);
  if (found === null) return null;
  const stat = fstat(found);
  close(found);
  if ((stat.mode & 0o170000) !== 0o040000) return null;
  chownPathFd(fd, stat.uid, stat.gid);
  chmodPathFd(fd, stat.mode & 0o7777);
  utimesPathFd(fd, stat.mtime, stat.mtime);
  return stat.mtime;
}

const growingPauseMs = 4;

/** Descriptor 3 from its start to where it ends when stdin has said that it is complete. */
async function* growing(): AsyncGenerator<Uint8Array> {
  let complete = false;
  let cut = false;
  text(process.stdin).then(
    (word) => {
      complete = word === "complete";
      cut = !complete;
    },
    () => {
      cut = true;
    },
  );
  for (let at = 0; ; ) {
    const isLast = complete;
    const buffer = Buffer.allocUnsafe(512 * 1024);
    const length = readSync(3, buffer, 0, buffer.length, at);
    at += length;
    if (length > 0) yield buffer.subarray(0, length);
    else if (isLast) return;
    else if (cut) throw unavailable("the download of the layer has ended early");
    else await Bun.sleep(growingPauseMs);
  }
}
