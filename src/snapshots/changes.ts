/** What a writable layer changed, in the way `docker diff` tells it. */
import { readDirectory } from "../linux/directory.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_NOFOLLOW, openAt, tryOpenAt } from "../linux/file.ts";
import { type FileStat, fstat, S_IFDIR, S_IFMT, tryLstatAt } from "../linux/stat.ts";
import { lookup } from "./layer-lookup.ts";
import type { Change } from "./snapshotter.ts";
import { marksDeletion } from "./unpack/tree-root.ts";

const batch = 500;
const slash = Buffer.from("/");

/**
 * Walks the upper directory against the `lower` directories (topmost first). A directory that only holds changes is told
 * as modified when something was added or deleted in it, or when it differs itself.
 */
export async function* overlayChanges(upper: string, lower: readonly string[]): AsyncGenerator<Change> {
  const layers = lower.map((dir) => openAt(AT_FDCWD, dir, O_DIRECTORY));
  const root = openAt(AT_FDCWD, upper, O_DIRECTORY);
  try {
    yield* walk(root, [], layers, { count: 0 });
  } finally {
    for (const fd of [...layers, root]) close(fd);
  }
}

async function* walk(
  dir: number,
  parts: Buffer[],
  layers: readonly number[],
  state: { count: number },
): AsyncGenerator<Change> {
  const entries = readDirectory(dir).sort((a, b) => Buffer.compare(a.name, b.name));
  for (const { name } of entries) {
    if (++state.count % batch === 0) await Bun.sleep(0);
    const here = [...parts, name];
    const stat = tryLstatAt(dir, name);
    if (!stat) continue; // deleted meanwhile
    const change = compare(stat, statBelow(layers, here));
    const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
    if (!isDirectory) {
      if (change !== null) yield { path: pathOf(here), kind: change };
      continue;
    }
    const fd = tryOpenAt(dir, name, O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) continue;
    try {
      yield* directory(fd, here, change, layers, state);
    } finally {
      close(fd);
    }
  }
}

/** The directory itself is told before its children, if any of them was added or deleted or it changed itself. */
async function* directory(
  fd: number,
  parts: Buffer[],
  change: Change["kind"] | null,
  layers: readonly number[],
  state: { count: number },
): AsyncGenerator<Change> {
  let told = change !== null;
  if (change !== null) yield { path: pathOf(parts), kind: change };
  for await (const inner of walk(fd, parts, layers, state)) {
    if (!told && inner.kind !== 0 && isChild(parts, inner.path)) {
      yield { path: pathOf(parts), kind: 0 };
      told = true;
    }
    yield inner;
  }
}

const isChild = (parts: Buffer[], path: Buffer): boolean => path.lastIndexOf(0x2f) === pathOf(parts).length;

function statBelow(layers: readonly number[], parts: Buffer[]): FileStat | null {
  const fd = lookup(layers, parts);
  if (fd === null) return null;
  const stat = fstat(fd);
  close(fd);
  return stat;
}

function compare(stat: FileStat, below: FileStat | null): Change["kind"] | null {
  if (marksDeletion(stat)) return below === null ? null : 2;
  if (below === null) return 1;
  const directories = (stat.mode & S_IFMT) === S_IFDIR && (below.mode & S_IFMT) === S_IFDIR;
  const same =
    stat.mode === below.mode &&
    stat.size === below.size &&
    stat.mtime.sec === below.mtime.sec &&
    stat.mtime.nsec === below.mtime.nsec;
  return directories && same ? null : 0;
}

function pathOf(parts: Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => [slash, part]));
}
