/** The helper side of COPY, ADD and WORKDIR, and of their cache keys: one process for one step. */
import { chmodSync } from "node:fs";
import { answer } from "../../helper/helper-process.ts";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import type { TarEntry } from "../../lib/tar/entry.ts";
import { chownPathFd, close, umask } from "../../linux/file.ts";
import { raiseFileLimit } from "../../linux/rlimit.ts";
import { Budget } from "../../snapshots/unpack/budget.ts";
import { Extractor } from "../../snapshots/unpack/extractor.ts";
import { baseName, openArchive, pack, packAbove, unpack } from "./chosen-files.ts";
import { type CopyChanges, CopySink } from "./copy-sink.ts";
import { DigestSink } from "./digest-sink.ts";
import { sourceText } from "./file-digest.ts";
import { isDirectoryIn, withoutLinks } from "./inside.ts";
import { type Chosen, choose, type FileSource } from "./selection.ts";

export interface CopyRequest {
  readonly sources: readonly FileSource[];
  /** The root that is written to, mounted. */
  readonly target: string;
  /** Inside it, absolute; a directory where it ends with a slash. */
  readonly destination: string;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly mode: number | string | null;
  readonly exclude: readonly string[];
}

export type DigestRequest = Pick<CopyRequest, "sources" | "exclude">;

export interface MakeDirectoryRequest {
  readonly target: string;
  readonly path: string;
  readonly owner: { readonly uid: number; readonly gid: number };
}

const root = { uid: 0, gid: 0 };
const plain: CopyChanges = { owner: root, mode: null, isExcluded: () => false };

/** `copy-files`: puts the chosen files where they belong; tells how many went. */
export async function copyFilesMain(args: string[]): Promise<void> {
  await answer<CopyRequest, { count: number }>(args, async (request) => {
    umask(0);
    raiseFileLimit();
    const chosen = choose(request.sources);
    const intoDirectory =
      request.destination.endsWith("/") || chosen.length > 1 || isDirectoryIn(request.target, request.destination);
    const isExcluded = excluder(request.exclude);
    let count = 0;
    for (const one of chosen) count += await copyOne(request, one, intoDirectory, isExcluded);
    return { count };
  });
}

/** `digest-files`: one digest over names, metadata and content of the chosen files; times are no part of it. */
export async function digestFilesMain(args: string[]): Promise<void> {
  await answer<DigestRequest, { digest: string }>(args, async (request) => {
    raiseFileLimit();
    return { digest: filesDigest(request) };
  });
}

/** 64 hex digits. */
export function filesDigest({ sources, exclude }: DigestRequest): string {
  const hasher = new Bun.CryptoHasher("sha256");
  const isExcluded = excluder(exclude);
  for (const one of choose(sources)) {
    hasher.update(sourceText(one.parents, one.isDirectory ? null : baseName(one.path)));
    const digest = new DigestSink(hasher);
    const changes = { ...plain, owner: one.source.keepsOwner ? null : root };
    if (one.source.only !== null) packAbove(one, directoriesAbove(one), new CopySink(digest, changes, ""), "");
    pack(one, new CopySink(digest, { ...changes, isExcluded: below(one, isExcluded) }, ""), "");
  }
  return hasher.digest("hex");
}

/** `make-directory`: the directory and those above it, where they are not. */
export async function makeDirectoryMain(args: string[]): Promise<void> {
  await answer<MakeDirectoryRequest, { made: boolean }>(args, async ({ target, path, owner }) => {
    umask(0);
    if (isDirectoryIn(target, path)) return { made: false };
    using extractor = intoTarget(target, owner);
    extractor.entry(directoryEntry(withoutLinks(target, path), owner));
    extractor.end();
    extractor.finish();
    return { made: true };
  });
}

type Owner = CopyRequest["owner"] & {};

/** Writes into a root; directories that have to be made on the way are the owner's, and have the mode where it is in bits. */
function intoTarget(target: string, owner: Owner, mode: CopyRequest["mode"] = null): Extractor {
  const onImplied = (fd: number): null => {
    chownPathFd(fd, owner.uid, owner.gid);
    if (typeof mode === "number") chmodSync(`/proc/self/fd/${fd}`, mode);
    return null;
  };
  return new Extractor(target, { mode: "copy", budget: Budget.at(target), onImplied });
}

const excluder = (patterns: readonly string[]): ((path: string) => boolean) => {
  if (patterns.length === 0) return () => false;
  const matcher = new IgnoreMatcher(patterns);
  return (path) => matcher.matches(path);
};

async function copyOne(
  request: CopyRequest,
  one: Chosen,
  intoDirectory: boolean,
  isExcluded: CopyChanges["isExcluded"],
): Promise<number> {
  const { target, owner, mode } = request;
  const end = request.destination.endsWith("/") ? "/" : "";
  const destination = `${withoutLinks(target, request.destination)}${end}`;
  const directory = destination.replace(/\/+$/, "");
  const place = `${directory}/${one.parents}`;
  const archive = one.source.unpacks && !one.isDirectory ? await openArchive(one) : null;
  // An archive says itself which modes its files have.
  using extractor = intoTarget(target, owner ?? root, archive === null ? mode : null);
  try {
    if (archive !== null) {
      const sink = new CopySink(extractor, { ...plain, owner }, "");
      await unpack(archive, sink, place);
      extractor.finish();
      return sink.count;
    }
    const changes: CopyChanges = { ...plain, owner: owner ?? (one.source.keepsOwner ? null : root), mode };
    if (isExcluded(pathBelow(one))) return 0;
    if (one.source.only !== null)
      packAbove(one, directoriesAbove(one), new CopySink(extractor, changes, ""), directory);
    const count = one.isDirectory
      ? copyDirectory(
          extractor,
          one,
          { ...changes, isExcluded: below(one, isExcluded) },
          { target, place, made: owner ?? root },
        )
      : copyFile(extractor, one, changes, intoDirectory || one.parents !== "" ? null : destination, place);
    extractor.finish();
    return count;
  } finally {
    if (archive !== null) close(archive);
  }
}

/**
 * What patterns of `--exclude` are held against; "" for what is meant by itself, which BuildKit leaves out for no pattern: a file,
 * or a directory whose content goes.
 */
function pathBelow({ source, path, base, parents }: Chosen): string {
  return source.only === null || path === base ? "" : `${parents}${baseName(path)}`;
}

/** The same for a path inside of the chosen directory. */
function below(one: Chosen, isExcluded: CopyChanges["isExcluded"]): CopyChanges["isExcluded"] {
  const above = one.isDirectory ? pathBelow(one) : "";
  return above === "" ? isExcluded : (path) => isExcluded(`${above}/${path}`);
}

/** `--parents`: the directories that are made as they are at the source, the chosen one among them. */
const directoriesAbove = (one: Chosen): string => (one.isDirectory ? pathBelow(one) : one.parents);

function copyDirectory(
  extractor: Extractor,
  one: Chosen,
  changes: CopyChanges,
  { target, place, made }: { readonly target: string; readonly place: string; readonly made: Owner },
): number {
  const isContent = pathBelow(one) === "";
  const prefix = isContent ? place : `${place}${baseName(one.path)}/`;
  const sink = new CopySink(extractor, changes, prefix);
  if (isContent && !isDirectoryIn(target, prefix)) {
    sink.entry(directoryEntry(prefix, made));
    sink.end();
  }
  pack(one, sink, prefix);
  return sink.count;
}

function copyFile(
  extractor: Extractor,
  one: Chosen,
  changes: CopyChanges,
  /** Null where it keeps its name. */
  name: string | null,
  place: string,
): number {
  const sink = new CopySink(extractor, changes, "");
  pack(one, sink, name ?? `${place}${baseName(one.path)}`);
  return sink.count;
}

function directoryEntry(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }): TarEntry {
  const now = Date.now();
  return {
    path: Buffer.from(path),
    type: "directory",
    linkPath: Buffer.alloc(0),
    mode: 0o755,
    uid,
    gid,
    size: 0,
    mtime: { sec: Math.floor(now / 1000), nsec: (now % 1000) * 1_000_000 },
    devMajor: 0,
    devMinor: 0,
    xattrs: null,
  };
}
