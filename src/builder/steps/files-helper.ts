/** The helper side of COPY, ADD and WORKDIR, and of their cache keys: one process for one step. */
import { readlinkSync, readSync } from "node:fs";
import { answer } from "../../helper/helper-process.ts";
import { decompress, detectCompression } from "../../lib/compression.ts";
import { invalidArgument } from "../../lib/errors.ts";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import type { TarEntry, TarSink } from "../../lib/tar/entry.ts";
import { TarReader } from "../../lib/tar/reader.ts";
import {
  AT_FDCWD,
  chownPathFd,
  close,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  openAt,
  umask,
} from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../../linux/openat2.ts";
import { raiseFileLimit } from "../../linux/rlimit.ts";
import { fstat, S_IFDIR, S_IFMT, S_IFREG } from "../../linux/stat.ts";
import { followLink, locate } from "../../snapshots/archive-paths.ts";
import { TreePacker } from "../../snapshots/pack-tree.ts";
import { Budget } from "../../snapshots/unpack/budget.ts";
import { Extractor } from "../../snapshots/unpack/extractor.ts";
import { type CopyChanges, CopySink } from "./copy-sink.ts";
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
/** Bytes that tell a tar: `ustar` at 257, so the header's first 263. */
const tarHeadLength = 263;

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
  await answer<DigestRequest, { digest: string }>(args, async ({ sources, exclude }) => {
    raiseFileLimit();
    const hasher = new Bun.CryptoHasher("sha256");
    const isExcluded = excluder(exclude);
    for (const one of choose(sources)) {
      hasher.update(JSON.stringify([one.parents, one.isDirectory ? null : baseName(one.path)]));
      const sink = new CopySink(new DigestSink(hasher), { owner: root, mode: null, isExcluded }, "");
      pack(one, sink, "");
    }
    return { digest: hasher.digest("hex") };
  });
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

/** Writes into a root; directories that have to be made on the way are the owner's. */
function intoTarget(target: string, owner: Owner): Extractor {
  const onImplied = (fd: number): null => {
    chownPathFd(fd, owner.uid, owner.gid);
    return null;
  };
  return new Extractor(target, { mode: "copy", budget: Budget.at(target), onImplied });
}

/** The path without links, inside the root, also where what they lead to is still to be made; there the files go. */
function withoutLinks(target: string, path: string): string {
  const rootFd = openAt(AT_FDCWD, target, O_DIRECTORY);
  try {
    return resolveLinks(
      rootFd,
      "",
      path.split("/").filter((part) => part !== "" && part !== "."),
      0,
    );
  } finally {
    close(rootFd);
  }
}

const mostLinks = 40;

function resolveLinks(rootFd: number, above: string, parts: readonly string[], links: number): string {
  let path = above;
  for (const part of parts) {
    const next = `${path}/${part}`;
    const end = followLink(rootFd, next);
    if (end === next) path = next;
    else if (links >= mostLinks) throw invalidArgument(`too many links in path: ${next}`);
    else
      path = resolveLinks(
        rootFd,
        "",
        end.split("/").filter((each) => each !== ""),
        links + 1,
      );
  }
  return path;
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
  const place = `${destination.replace(/\/+$/, "")}/${one.parents}`;
  using extractor = intoTarget(target, owner ?? root);
  const archive = one.source.unpacks && !one.isDirectory ? openArchive(one) : null;
  try {
    if (archive !== null) {
      const sink = new CopySink(extractor, { owner, mode, isExcluded: () => false }, "");
      await unpack(archive, sink, place);
      extractor.finish();
      return sink.count;
    }
    const isPlain = { owner: owner ?? root, mode };
    if (one.isDirectory) {
      const prefix = one.source.only === null ? place : `${place}${baseName(one.path)}/`;
      const sink = new CopySink(extractor, { ...isPlain, isExcluded }, prefix);
      if (!isDirectoryIn(target, prefix)) {
        sink.entry(directoryEntry(prefix, isPlain.owner));
        sink.end();
      }
      pack(one, sink, prefix);
      extractor.finish();
      return sink.count;
    }
    if (isExcluded(baseName(one.path))) return 0;
    const sink = new CopySink(extractor, { ...isPlain, isExcluded: () => false }, "");
    const name = intoDirectory || one.parents !== "" ? `${place}${baseName(one.path)}` : destination;
    pack(one, sink, name);
    extractor.finish();
    return sink.count;
  } finally {
    if (archive !== null) close(archive);
  }
}

/** Tells the sink of the chosen file, or of what is in the chosen directory. */
function pack(one: Chosen, sink: TarSink, name: string): void {
  const reader = new TarReader(sink);
  const packer = new TreePacker(
    { write: (bytes) => reader.push(bytes), flush: () => {} },
    { whiteouts: false, nanoseconds: true },
  );
  const rootFd = openAt(AT_FDCWD, one.source.root, O_DIRECTORY);
  try {
    if (one.isDirectory) packDirectory(packer, rootFd, one.path, name);
    else packFile(packer, rootFd, one, name === "" ? baseName(one.path) : name);
  } finally {
    close(rootFd);
  }
  packer.end();
  reader.finish();
}

function packDirectory(packer: TreePacker, rootFd: number, path: string, name: string): void {
  const fd = tryOpenAt2(rootFd, `./${path}`, O_DIRECTORY, RESOLVE_IN_ROOT);
  if (fd < 0) throw invalidArgument(`${path} changed while it was read`);
  try {
    packer.children(fd, Buffer.from(name));
  } finally {
    close(fd);
  }
}

/** A link that is meant by itself is followed, inside the root. */
function packFile(packer: TreePacker, rootFd: number, { path, source }: Chosen, name: string): void {
  const target = source.only === null ? followed(rootFd, path) : path;
  using at = locate(rootFd, target);
  packer.member(at.dir, at.name, Buffer.from(name));
}

/** Where the kernel finds the file in the end, as a path inside the root. */
function followed(rootFd: number, path: string): string {
  const fd = tryOpenAt2(rootFd, `./${path}`, O_PATH, RESOLVE_IN_ROOT);
  if (fd < 0) return path;
  try {
    return pathInside(rootFd, fd) ?? path;
  } finally {
    close(fd);
  }
}

function pathInside(rootFd: number, fd: number): string | null {
  const [top, whole] = [readlinkSync(`/proc/self/fd/${rootFd}`), readlinkSync(`/proc/self/fd/${fd}`)];
  const prefix = top === "/" ? "/" : `${top}/`;
  return whole.startsWith(prefix) ? whole.slice(prefix.length) : null;
}

/** A descriptor of the file, at its start, when it is an archive that ADD unpacks; null for another. */
function openArchive({ source, path }: Chosen): number | null {
  const rootFd = openAt(AT_FDCWD, source.root, O_DIRECTORY);
  const fd = tryOpenAt2(rootFd, `./${path}`, O_RDONLY | O_NONBLOCK, RESOLVE_IN_ROOT);
  close(rootFd);
  if (fd < 0) return null;
  const head = Buffer.alloc(tarHeadLength);
  const isFile = (fstat(fd).mode & S_IFMT) === S_IFREG;
  const length = isFile ? readSync(fd, head, 0, head.length, 0) : 0;
  if (
    isFile &&
    (detectCompression(head.subarray(0, length)) !== "none" || head.toString("latin1", 257, 262) === "ustar")
  )
    return fd;
  close(fd);
  return null;
}

async function unpack(fd: number, sink: TarSink, place: string): Promise<void> {
  const prefix = Buffer.from(place);
  const inPlace: TarSink = {
    entry: (entry) => {
      entry.path = Buffer.concat([prefix, entry.path]);
      if (entry.type === "hardlink") entry.linkPath = Buffer.concat([prefix, entry.linkPath]);
      sink.entry(entry);
    },
    data: (bytes) => sink.data(bytes),
    hole: (length) => sink.hole(length),
    end: () => sink.end(),
  };
  const reader = new TarReader(inPlace);
  for await (const chunk of decompress(chunksOf(fd))) reader.push(chunk);
  reader.finish();
}

async function* chunksOf(fd: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const chunk = Buffer.alloc(256 * 1024);
    const length = readSync(fd, chunk, 0, chunk.length, at);
    if (length === 0) return;
    at += length;
    yield chunk.subarray(0, length);
  }
}

function isDirectoryIn(target: string, path: string): boolean {
  const rootFd = openAt(AT_FDCWD, target, O_DIRECTORY);
  const fd = tryOpenAt2(rootFd, `./${path}`, O_PATH, RESOLVE_IN_ROOT);
  close(rootFd);
  if (fd < 0) return false;
  try {
    return (fstat(fd).mode & S_IFMT) === S_IFDIR;
  } finally {
    close(fd);
  }
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

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

/** Feeds a hash with what makes a file what it is. */
class DigestSink implements TarSink {
  readonly #hasher: Bun.CryptoHasher;

  constructor(hasher: Bun.CryptoHasher) {
    this.#hasher = hasher;
  }

  entry({ path, type, linkPath, mode, uid, gid, size, devMajor, devMinor, xattrs }: TarEntry): void {
    const attributes = [...(xattrs ?? [])].map(([name, value]) => [name, value.toString("base64")]).sort();
    const rest = { type, mode, uid, gid, size, devMajor, devMinor, attributes };
    this.#hasher.update(JSON.stringify([path.toString("base64"), linkPath.toString("base64"), rest]));
  }

  data(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  hole(length: number): void {
    this.#hasher.update(`hole ${length}`);
  }

  end(): void {
    this.#hasher.update("end");
  }
}
