/** What `compose watch` carries into a container: one tar for all that has changed, and the list of what is gone. */
import type { BigIntStats } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { type TarEntryInput, tarEnd, tarHeader, tarPadding } from "../../lib/tar/writer.ts";

const chunkBytes = 1 << 18;

export interface SyncRule {
  /** Absolute, here: a file or a directory. */
  readonly path: string;
  /** Absolute, in the container. */
  readonly target: string;
  /** Whether a path below the rule's is left out; a directory is so only with everything in it. */
  readonly isIgnored: (path: string, kind?: "directory") => boolean;
}

/** Changed paths by whether they are still there; "." is the rule's own. */
export async function sortChanges(
  { path, isIgnored }: SyncRule,
  changed: readonly string[],
): Promise<{ readonly present: string[]; readonly gone: string[] }> {
  const present: string[] = [];
  const gone: string[] = [];
  for (const name of changed) {
    const here = await lstat(join(path, name)).catch(() => null);
    if (name !== "." && isIgnored(name, here?.isDirectory() ? "directory" : undefined)) continue;
    (here ? present : gone).push(name);
  }
  return { present, gone };
}

/** Where a changed path lies in the container. */
export const insideOf = ({ target }: SyncRule, name: string): string =>
  name === "." ? target : posix.join(target, name);

/**
 * The changed paths with all that is in them, each once, their names leading down from the root. All is root's: who owns a
 * file here means nothing there. What goes away or shrinks while it is read is told by the next change.
 */
export async function* syncArchive(rule: SyncRule, changed: readonly string[]): AsyncGenerator<Uint8Array> {
  const sent = new Set<string>();
  for (const name of changed) yield* tree(rule, name, sent);
  yield tarEnd;
}

async function* tree(rule: SyncRule, name: string, sent: Set<string>): AsyncGenerator<Uint8Array> {
  if (sent.has(name)) return;
  sent.add(name);
  const local = join(rule.path, name);
  const stat = await lstat(local, { bigint: true }).catch(() => null);
  if (!stat) return;
  if (!stat.isDirectory()) {
    if (name === "." || !rule.isIgnored(name)) yield* member(local, insideOf(rule, name), stat);
    return;
  }
  if (name !== "." && rule.isIgnored(name, "directory")) return;
  // The rule's own directory may be a link in the container, which its header would replace.
  if (name !== "." && !rule.isIgnored(name)) yield tarHeader(entryOf(insideOf(rule, name), stat, "directory"));
  const below = await readdir(local).catch(() => []);
  for (const each of below.sort()) yield* tree(rule, name === "." ? each : `${name}/${each}`, sent);
}

async function* member(local: string, inside: string, stat: BigIntStats): AsyncGenerator<Uint8Array> {
  if (stat.isSymbolicLink()) {
    const link = await readlink(local).catch(() => null);
    if (link !== null) yield tarHeader({ ...entryOf(inside, stat, "symlink"), linkPath: Buffer.from(link) });
    return;
  }
  if (!stat.isFile()) return;
  await using file = await open(local, "r").catch(() => null);
  if (!file) return;
  const size = Number(stat.size);
  yield tarHeader({ ...entryOf(inside, stat, "file"), size });
  for (let left = size; left > 0; ) {
    const buffer = Buffer.alloc(Math.min(chunkBytes, left));
    const { bytesRead } = await file.read(buffer);
    const piece = bytesRead === 0 ? buffer : buffer.subarray(0, bytesRead);
    left -= piece.length;
    yield piece;
  }
  yield tarPadding(size);
}

function entryOf(inside: string, { mode, mtimeNs }: BigIntStats, type: TarEntryInput["type"]): TarEntryInput {
  return {
    path: Buffer.from(inside.replace(/^\/+/, "")),
    type,
    mode: Number(mode & 0o7777n),
    mtime: { sec: Number(mtimeNs / 1_000_000_000n), nsec: 0 },
  };
}
