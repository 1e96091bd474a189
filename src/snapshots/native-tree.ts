/** Full trees made of layer directories, and what differs between the two: the native driver's work. */

import { answer, stream } from "../helper/helper-process.ts";
import { TarReader } from "../lib/tar/reader.ts";
import { tarHeader } from "../lib/tar/writer.ts";
import { type DirEntry, readDirectory } from "../linux/directory.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_NOFOLLOW, O_PATH, openAt, tryOpenAt, umask } from "../linux/file.ts";
import { raiseFileLimit } from "../linux/rlimit.ts";
import { type FileStat, fstat, lstatAt, S_IFDIR, S_IFMT, tryLstatAt } from "../linux/stat.ts";
import { lookup, lookupIn } from "./layer-lookup.ts";
import { giveLikeness } from "./ownership.ts";
import { TreePacker } from "./pack-tree.ts";
import type { Change } from "./snapshotter.ts";
import { TarOutput } from "./tar-output.ts";
import { Budget } from "./unpack/budget.ts";
import { Extractor } from "./unpack/extractor.ts";
import { joinPath } from "./unpack/path.ts";
import { removeTree } from "./unpack/remove-tree.ts";
import { isWhiteout } from "./unpack/tree-root.ts";
import { isOpaque } from "./unpack/whiteout.ts";

export interface FlattenRequest {
  /** Layer directories in overlayfs's form, topmost first. */
  readonly layers: readonly string[];
  /** The tree: to be filled, or to be compared. */
  readonly target: string;
  /** The layers that made the tree of those, topmost first: what is in one of them counts as changed, whatever its times say. */
  readonly above?: readonly string[];
}

export async function flattenLayersMain(args: string[]): Promise<void> {
  await answer<FlattenRequest, null>(args, async ({ layers, target }) => {
    umask(0);
    raiseFileLimit();
    for (const layer of layers.toReversed()) overlayOnto(layer, target);
    return null;
  });
}

/** Puts one layer on the tree: first its deletions, then its files, packed and unpacked in one pass. */
function overlayOnto(layer: string, target: string): void {
  const from = openAt(AT_FDCWD, layer, O_DIRECTORY);
  const to = openAt(AT_FDCWD, target, O_DIRECTORY);
  applyDeletions(from, to);
  using extractor = new Extractor(target, { mode: "copy", budget: Budget.at(target) });
  const reader = new TarReader(extractor);
  const output = { write: (bytes: Uint8Array) => reader.push(bytes), flush: () => {} };
  const packer = new TreePacker(output, { whiteouts: false, skipWhiteouts: true, nanoseconds: true });
  packer.children(from, Buffer.alloc(0));
  packer.end();
  reader.finish();
  extractor.finish();
  giveLikeness(AT_FDCWD, target, fstat(from));
  close(from);
  close(to);
}

function applyDeletions(from: number, to: number): void {
  for (const { name } of readDirectory(from)) {
    if (isWhiteout(from, name)) {
      removeTree(to, name);
      continue;
    }
    if (!isDirectory(lstatAt(from, name))) continue;
    const inner = openAt(from, name, O_DIRECTORY | O_NOFOLLOW);
    const below = tryOpenAt(to, name, O_DIRECTORY | O_NOFOLLOW);
    if (isOpaque(inner)) removeTree(to, name);
    else if (below >= 0) applyDeletions(inner, below);
    if (below >= 0) close(below);
    close(inner);
  }
}

const isDirectory = (stat: FileStat): boolean => (stat.mode & S_IFMT) === S_IFDIR;

const byName = (a: DirEntry, b: DirEntry): number => Buffer.compare(a.name, b.name);

/** All names that the merged directory `parts` of `layers` shows. */
function mergedNames(layers: readonly number[], parts: readonly Buffer[]): Buffer[] {
  const seen = new Map<string, boolean>();
  for (const layer of layers) {
    const found = lookupIn(layer, parts);
    if (found === "absent") continue;
    if (found === "hidden") break;
    const { fd } = found;
    const readable = tryOpenAt(fd, ".", O_DIRECTORY);
    if (readable < 0) {
      close(fd);
      break;
    }
    for (const { name } of readDirectory(readable)) {
      const key = name.toString("latin1");
      if (!seen.has(key)) seen.set(key, !isWhiteout(fd, name));
    }
    const hidesBelow = found.opaque || isOpaque(fd);
    close(readable);
    close(fd);
    if (hidesBelow) break;
  }
  return [...seen].filter(([, shown]) => shown).map(([key]) => Buffer.from(key, "latin1"));
}

/** Compares the tree with the merged layers. Names come in order; a directory before what is in it. */
export async function* nativeChanges(tree: string, layers: readonly string[]): AsyncGenerator<Change> {
  const below = layers.map((layer) => openAt(AT_FDCWD, layer, O_DIRECTORY));
  const root = openAt(AT_FDCWD, tree, O_DIRECTORY);
  try {
    for (const { parts, kind } of compare(root, below, [])) {
      yield { path: Buffer.concat([Buffer.from("/"), joinPath(parts)]), kind };
    }
  } finally {
    for (const fd of [...below, root]) close(fd);
  }
}

interface Difference {
  readonly parts: Buffer[];
  readonly kind: Change["kind"];
}

function* compare(
  dir: number,
  layers: readonly number[],
  parts: Buffer[],
  above: readonly number[] = [],
): Generator<Difference> {
  const here = readDirectory(dir).sort(byName);
  const names = new Set(here.map(({ name }) => name.toString("latin1")));
  for (const name of mergedNames(layers, parts)) {
    if (!names.has(name.toString("latin1"))) yield { parts: [...parts, name], kind: 2 };
  }
  for (const { name } of here) {
    const path = [...parts, name];
    const stat = tryLstatAt(dir, name);
    if (!stat) continue;
    const fd = lookup(layers, path);
    const below = fd === null ? null : fstat(fd);
    if (fd !== null) close(fd);
    if (below === null) yield { parts: path, kind: 1 };
    else if (differs(stat, below) || (!isDirectory(stat) && isIn(above, path))) yield { parts: path, kind: 0 };
    if (!isDirectory(stat)) continue;
    const inner = tryOpenAt(dir, name, O_DIRECTORY | O_NOFOLLOW);
    if (inner < 0) continue; // deleted meanwhile
    yield* compare(inner, below && isDirectory(below) ? layers : [], path, above);
    close(inner);
  }
}

function isIn(layers: readonly number[], parts: Buffer[]): boolean {
  const fd = lookup(layers, parts);
  if (fd !== null) close(fd);
  return fd !== null;
}

function differs(stat: FileStat, below: FileStat): boolean {
  const sameSize = isDirectory(stat) || stat.size === below.size;
  return (
    stat.mode !== below.mode ||
    stat.uid !== below.uid ||
    stat.gid !== below.gid ||
    !sameSize ||
    stat.mtime.sec !== below.mtime.sec ||
    stat.mtime.nsec !== below.mtime.nsec
  );
}

/** The helper that packs the differences as a layer. */
export async function packChangesMain(args: string[]): Promise<void> {
  await stream<FlattenRequest>(args, async ({ layers, target, above = [] }) => {
    raiseFileLimit();
    const output = new TarOutput(1);
    const packer = new TreePacker(output, { whiteouts: false, shallow: true });
    const below = layers.map((layer) => openAt(AT_FDCWD, layer, O_DIRECTORY));
    const uppers = above.map((layer) => openAt(AT_FDCWD, layer, O_DIRECTORY));
    const root = openAt(AT_FDCWD, target, O_DIRECTORY);
    for (const { parts, kind } of compare(root, below, [], uppers)) {
      const name = parts.at(-1) ?? Buffer.alloc(0);
      const above = parts.slice(0, -1);
      if (kind === 2) {
        const path = joinPath([...above, Buffer.concat([Buffer.from(".wh."), name])]);
        output.write(tarHeader({ path, type: "file" }));
        continue;
      }
      const dir = above.length === 0 ? openAt(root, ".", O_PATH) : openAt(root, joinPath(above), O_PATH | O_DIRECTORY);
      packer.member(dir, name, joinPath(parts));
      close(dir);
    }
    packer.end();
  });
}
