/** The files that a COPY has chosen, told to a sink as members of an archive; and archives among them, opened. */
import { readSync } from "node:fs";
import { decompress } from "../../lib/compression.ts";
import { invalidArgument, isKind } from "../../lib/errors.ts";
import { blockSize, type TarSink } from "../../lib/tar/entry.ts";
import { beginsTar } from "../../lib/tar/header.ts";
import { TarReader } from "../../lib/tar/reader.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_NONBLOCK, O_RDONLY, openAt } from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../../linux/openat2.ts";
import { fstat, S_IFMT, S_IFREG } from "../../linux/stat.ts";
import { locate } from "../../snapshots/archive-paths.ts";
import { TreePacker } from "../../snapshots/pack-tree.ts";
import { followed } from "./inside.ts";
import type { Chosen } from "./selection.ts";

export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Tells the sink of the chosen file, or of what is in the chosen directory. */
export function pack(one: Chosen, sink: TarSink, name: string): void {
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

/** Tells the sink of the directory `path`, which is below the choice's base, and of those above it; not of what is in them. */
export function packAbove({ source, base }: Chosen, path: string, sink: TarSink, place: string): void {
  const reader = new TarReader(sink);
  const packer = new TreePacker(
    { write: (bytes) => reader.push(bytes), flush: () => {} },
    { whiteouts: false, nanoseconds: true, shallow: true },
  );
  const names = path.split("/").filter((name) => name !== "");
  const rootFd = openAt(AT_FDCWD, source.root, O_DIRECTORY);
  try {
    for (let depth = 1; depth <= names.length; depth++) {
      const each = names.slice(0, depth).join("/");
      using at = locate(rootFd, `${base}/${each}`);
      packer.member(at.dir, at.name, Buffer.from(`${place}/${each}`));
    }
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

/** A descriptor of the file, at its start, when it is an archive that ADD unpacks; null for another. */
export async function openArchive({ source, path }: Chosen): Promise<number | null> {
  const rootFd = openAt(AT_FDCWD, source.root, O_DIRECTORY);
  const fd = tryOpenAt2(rootFd, `./${path}`, O_RDONLY | O_NONBLOCK, RESOLVE_IN_ROOT);
  close(rootFd);
  if (fd < 0) return null;
  let isArchive = false;
  try {
    isArchive = (fstat(fd).mode & S_IFMT) === S_IFREG && beginsTar(await unpackedHead(fd));
  } finally {
    if (!isArchive) close(fd);
  }
  return isArchive ? fd : null;
}

/** The first block of what is packed, or of the file; nothing where it is packed and damaged. */
async function unpackedHead(fd: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of decompress(chunksOf(fd))) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= blockSize) break;
    }
  } catch (error) {
    // Without the program that unpacks it nobody knows what it is.
    if (!isKind(error, "invalidArgument")) throw error;
    return Buffer.alloc(0);
  }
  return Buffer.concat(chunks).subarray(0, blockSize);
}

export async function unpack(fd: number, sink: TarSink, place: string): Promise<void> {
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
