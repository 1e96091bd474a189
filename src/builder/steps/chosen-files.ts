/** The files that a COPY has chosen, told to a sink as members of an archive; and archives among them, opened. */
import { readSync } from "node:fs";
import { decompress, detectCompression } from "../../lib/compression.ts";
import { invalidArgument } from "../../lib/errors.ts";
import type { TarSink } from "../../lib/tar/entry.ts";
import { TarReader } from "../../lib/tar/reader.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_NONBLOCK, O_RDONLY, openAt } from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../../linux/openat2.ts";
import { fstat, S_IFMT, S_IFREG } from "../../linux/stat.ts";
import { locate } from "../../snapshots/archive-paths.ts";
import { TreePacker } from "../../snapshots/pack-tree.ts";
import { followed } from "./inside.ts";
import type { Chosen } from "./selection.ts";

/** Bytes that tell a tar: `ustar` at 257, so the header's first 263. */
const tarHeadLength = 263;

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
export function openArchive({ source, path }: Chosen): number | null {
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
