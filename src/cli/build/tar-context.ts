/** A build's files as a tar, without what .dockerignore leaves out; written while the directory is walked. */

import { randomBytes } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { lstat, open, readdir, readFile, readlink } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { messageOf } from "../../lib/errors.ts";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import { findIgnoreFile } from "../../lib/ignore/ignore-file.ts";
import type { TarEntryInput } from "../../lib/tar/writer.ts";
import { tarEnd, tarHeader, tarPadding } from "../../lib/tar/writer.ts";
import { ExitError } from "../command.ts";

const chunkBytes = 1 << 18;

export interface SentContext {
  readonly tar: AsyncIterable<Uint8Array>;
  /** The Dockerfile's name in it. */
  readonly dockerfile: string;
}

/** The directory's files. `file` is the Dockerfile as the user named it, "" being the one at the top, "-" standard input. */
export async function directoryContext(directory: string, file: string): Promise<SentContext> {
  const root = resolve(directory);
  const found = await lstat(root).catch(() => null);
  if (!found) throw new ExitError(1, `unable to prepare context: path ${JSON.stringify(directory)} not found`);
  const inside = file === "-" ? null : insideOf(root, file);
  const dockerfile = inside ?? `.dockerfile.${randomBytes(10).toString("hex")}`;
  const extra = inside === null ? await dockerfileBytes(file) : null;
  if (inside !== null && !(await lstat(join(root, inside)).catch(() => null))) {
    throw new ExitError(
      1,
      `unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${join(root, inside)}: no such file or directory`,
    );
  }
  const matcher = await ignoreOf(root, inside, file);
  return {
    tar: contextTar(root, matcher, inside, extra === null ? null : { name: dockerfile, bytes: extra }),
    dockerfile,
  };
}

/** The path below the root; null for a file that lies elsewhere. */
function insideOf(root: string, file: string): string | null {
  if (file === "") return "Dockerfile";
  const path = relative(root, isAbsolute(file) ? file : resolve(file));
  return path.startsWith(`..${sep}`) || path === ".." || isAbsolute(path) ? null : path;
}

async function dockerfileBytes(file: string): Promise<Uint8Array> {
  if (file === "-") return new Uint8Array(await new Response(Bun.stdin.stream()).arrayBuffer());
  try {
    return await readFile(file);
  } catch (error) {
    throw new ExitError(1, `unable to prepare context: ${messageOf(error)}`);
  }
}

async function ignoreOf(root: string, inside: string | null, file: string): Promise<IgnoreMatcher | null> {
  const text = (path: string): Promise<string | null> => readFile(path, "utf8").catch(() => null);
  const dockerfile = inside === null ? resolve(file) : join(root, inside);
  const found = await findIgnoreFile(dockerfile, {
    besideDockerfile: async (path) => (file === "-" ? null : await text(path)),
    inContext: (path) => text(join(root, path)),
  });
  return found === null ? null : new IgnoreMatcher(found.patterns);
}

async function* contextTar(
  root: string,
  matcher: IgnoreMatcher | null,
  dockerfile: string | null,
  extra: { readonly name: string; readonly bytes: Uint8Array } | null,
): AsyncGenerator<Uint8Array> {
  // What the builder itself reads goes along, ignored or not.
  const kept = new Set([".dockerignore", ...(dockerfile === null ? [] : [dockerfile, `${dockerfile}.dockerignore`])]);
  const isSent = (path: string): boolean => !matcher?.matches(path) || kept.has(path);
  const isEntered = (path: string): boolean =>
    isSent(path) || matcher?.mayKeepBelow(path) === true || [...kept].some((one) => one.startsWith(`${path}/`));
  yield* below(root, "", { isSent, isEntered, links: new Map() });
  if (extra) {
    yield tarHeader({ path: Buffer.from(extra.name), type: "file", mode: 0o644, size: extra.bytes.length });
    yield extra.bytes;
    yield tarPadding(extra.bytes.length);
  }
  yield tarEnd;
}

interface Walk {
  isSent(path: string): boolean;
  isEntered(path: string): boolean;
  /** Where the file of an inode with several names was sent first. */
  readonly links: Map<string, string>;
}

async function* below(root: string, directory: string, walk: Walk): AsyncGenerator<Uint8Array> {
  const names = (await readdir(join(root, directory))).sort();
  for (const name of names) {
    const path = directory === "" ? name : `${directory}/${name}`;
    const stat = await lstat(join(root, path), { bigint: true });
    if (stat.isDirectory()) {
      if (walk.isSent(path)) yield tarHeader(entryOf(path, stat, "directory"));
      if (walk.isEntered(path)) yield* below(root, path, walk);
    } else if (walk.isSent(path)) yield* member(root, path, stat, walk.links);
  }
}

type Stat = BigIntStats;

async function* member(root: string, path: string, stat: Stat, links: Map<string, string>): AsyncGenerator<Uint8Array> {
  if (stat.isSymbolicLink()) {
    yield tarHeader({ ...entryOf(path, stat, "symlink"), linkPath: Buffer.from(await readlink(join(root, path))) });
    return;
  }
  // A socket or a device means nothing to the builder.
  if (!stat.isFile() && !stat.isFIFO()) return;
  if (stat.isFIFO()) {
    yield tarHeader(entryOf(path, stat, "fifo"));
    return;
  }
  if (stat.nlink > 1n) {
    const inode = `${stat.dev}:${stat.ino}`;
    const first = links.get(inode);
    if (first !== undefined) {
      yield tarHeader({ ...entryOf(path, stat, "hardlink"), linkPath: Buffer.from(first) });
      return;
    }
    links.set(inode, path);
  }
  await using file = await open(join(root, path), "r");
  const size = Number(stat.size);
  yield tarHeader({ ...entryOf(path, stat, "file"), size });
  let left = size;
  while (left > 0) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(chunkBytes, left)));
    if (bytesRead === 0) throw new ExitError(1, `${path} became shorter while it was read`);
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
  yield tarPadding(size);
}

/** Of root's, as Docker's clients send it: who owns a file here means nothing where it is built. */
function entryOf(path: string, { mode, mtimeNs }: Stat, type: TarEntryInput["type"]): TarEntryInput {
  const sec = mtimeNs / 1_000_000_000n;
  return {
    path: Buffer.from(path),
    type,
    mode: Number(mode & 0o7777n),
    mtime: { sec: Number(sec), nsec: Number(mtimeNs - sec * 1_000_000_000n) },
  };
}

const tarMagic = { at: 257, text: "ustar" };
const packed = [
  [0x1f, 0x8b],
  [0x42, 0x5a, 0x68],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x28, 0xb5, 0x2f, 0xfd],
];

/** Standard input: a tar, packed or not, as it is; or else a Dockerfile without any context. */
export async function stdinContext(file: string): Promise<SentContext> {
  const bytes = Bun.stdin.stream()[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let head: Buffer = Buffer.alloc(0);
  for (let next = await bytes.next(); !next.done; next = await bytes.next()) {
    head = Buffer.concat([head, next.value]);
    if (head.length >= tarMagic.at + tarMagic.text.length) break;
  }
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    yield head;
    for (let next = await bytes.next(); !next.done; next = await bytes.next()) yield next.value;
  };
  const isArchive =
    packed.some((magic) => magic.every((byte, i) => head[i] === byte)) ||
    head.toString("latin1", tarMagic.at, tarMagic.at + tarMagic.text.length) === tarMagic.text;
  if (isArchive) return { tar: rest(), dockerfile: file === "" ? "Dockerfile" : file };
  const whole: Uint8Array[] = [];
  for await (const chunk of rest()) whole.push(chunk);
  const text = Buffer.concat(whole);
  async function* alone(): AsyncGenerator<Uint8Array> {
    yield tarHeader({ path: Buffer.from("Dockerfile"), type: "file", mode: 0o644, size: text.length });
    yield text;
    yield tarPadding(text.length);
    yield tarEnd;
  }
  return { tar: alone(), dockerfile: "Dockerfile" };
}

/** A URL, or a path that git would take for one. */
export const isRemote = (context: string): boolean => /^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(context);
