/** Walks a directory that is sent to a builder: in the order that fsutil's receiver wants, without what patterns leave out. */
import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import { IgnorePattern } from "../../lib/ignore/ignore-pattern.ts";
import { attributesOf } from "../../linux/path-xattr.ts";
import { type FileStat, toGoMode } from "./file-stat.ts";
import { followPaths } from "./follow-paths.ts";

/** Which part of a directory is wanted. */
export interface WalkFilter {
  /** Only what one of these matches, or lies below such; all where there are none. */
  readonly include: readonly string[];
  /** Lines of an ignore file, the last that matches deciding. */
  readonly exclude: readonly string[];
  /** Only these and what they lead to. */
  readonly follow: readonly string[];
}

export const everything: WalkFilter = { include: [], exclude: [], follow: [] };

/** A name that cannot be told: the protocol's texts are UTF-8. */
export class BadFileName extends Error {
  override readonly name = "BadFileName";
}

/** Files below `root`, each directory before what is in it; what goes away meanwhile is left out. */
export function* walk(root: string, filter: WalkFilter): Generator<FileStat, void> {
  const selection = selectionOf(root, filter);
  if (selection !== null) yield* new Walker(root, selection).below("", []);
}

interface Selection {
  /** For a path: it is wanted, or something below it may be, or neither. */
  choose(path: string): { readonly isSent: boolean; readonly isEntered: boolean };
}

function selectionOf(root: string, { include, exclude, follow }: WalkFilter): Selection | null {
  const followed = follow.length === 0 ? null : followPaths(root, follow);
  const excluded = exclude.length === 0 ? null : new IgnoreMatcher(exclude);
  const isAll = include.length === 0 && (follow.length === 0 || followed === null);
  const included = isAll ? null : new Included(include, followed ?? []);
  return {
    choose(path) {
      const isWanted = included?.matches(path) ?? true;
      const isLeftOut = excluded?.matches(path) ?? false;
      return {
        isSent: isWanted && !isLeftOut,
        isEntered:
          (isWanted || included?.mayMatchBelow(path) === true) && (!isLeftOut || excluded?.mayKeepBelow(path) === true),
      };
    },
  };
}

class Included {
  readonly #matcher: IgnoreMatcher | null;
  readonly #patterns: readonly IgnorePattern[];
  readonly #paths: ReadonlySet<string>;
  /** Directories on the way to the paths. */
  readonly #above = new Set<string>();

  constructor(patterns: readonly string[], paths: readonly string[]) {
    this.#matcher = patterns.length === 0 ? null : new IgnoreMatcher(patterns);
    this.#patterns = patterns.filter((text) => !text.startsWith("!")).map((text) => new IgnorePattern(text));
    this.#paths = new Set(paths);
    for (const path of paths) for (const each of parentsOf(path)) this.#above.add(each);
  }

  matches(path: string): boolean {
    if (this.#paths.has(path) || parentsOf(path).some((each) => this.#paths.has(each))) return true;
    return this.#matcher?.matches(path) ?? false;
  }

  mayMatchBelow(path: string): boolean {
    return this.#above.has(path) || this.#patterns.some((pattern) => pattern.mayMatchBelow(path));
  }
}

function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) parents.push(path.slice(0, at));
  return parents;
}

class Walker {
  readonly #root: string;
  readonly #selection: Selection;
  /** Where the file of an inode with several names was sent first. */
  readonly #links = new Map<string, string>();

  constructor(root: string, selection: Selection) {
    this.#root = root;
    this.#selection = selection;
  }

  /** `waiting`: directories above that are sent only once something in them is. */
  *below(directory: string, waiting: FileStat[]): Generator<FileStat, void> {
    for (const name of namesIn(this.#root, directory)) {
      const path = directory === "" ? name : `${directory}/${name}`;
      const { isSent, isEntered } = this.#selection.choose(path);
      if (!isSent && !isEntered) continue;
      const stat = statOf(`${this.#root}/${path}`);
      if (stat === null || stat.isSocket()) continue;
      if (!stat.isDirectory() && !isSent) continue;
      const told = this.#tell(path, stat);
      if (told === null) continue;
      waiting.push(told);
      if (isSent) yield* waiting.splice(0);
      if (!stat.isDirectory()) continue;
      if (isEntered) yield* this.below(path, waiting);
      // Nothing in it was sent.
      if (waiting.at(-1) === told) waiting.pop();
    }
  }

  /** Of root's, whoever owns it here: that means nothing where it is built. */
  #tell(path: string, stat: BigIntStats): FileStat | null {
    const full = `${this.#root}/${path}`;
    const told = {
      path,
      mode: toGoMode(Number(stat.mode)),
      uid: 0,
      gid: 0,
      size: stat.isFile() ? Number(stat.size) : 0,
      modTime: stat.mtimeNs,
      linkname: "",
      devmajor: 0,
      devminor: 0,
      xattrs: kept(attributesOf(full)),
    };
    if (stat.isSymbolicLink()) {
      const linkname = linkOf(full);
      return linkname === null ? null : { ...told, linkname };
    }
    if (stat.isBlockDevice() || stat.isCharacterDevice())
      return { ...told, devmajor: major(stat.rdev), devminor: minor(stat.rdev) };
    if (!stat.isFile() || stat.nlink < 2n) return told;
    const inode = `${stat.dev}:${stat.ino}`;
    const first = this.#links.get(inode);
    if (first !== undefined) return { ...told, size: 0, linkname: first };
    this.#links.set(inode, path);
    return told;
  }
}

/** What says where a file stands on this host, or who may read it here, is nothing to tell. */
function kept(attributes: Record<string, Uint8Array> | null): Record<string, Uint8Array> | null {
  if (attributes === null) return null;
  const entries = Object.entries(attributes).filter(
    ([name]) => name !== "security.selinux" && name !== "security.ima" && !name.startsWith("system."),
  );
  return entries.length === 0 ? null : Object.fromEntries(entries);
}

/** In the order of their bytes, which for UTF-8 is that of their code points. */
function namesIn(root: string, directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory === "" ? root : `${root}/${directory}`);
  } catch (error) {
    if (isGone(error) && directory !== "") return [];
    throw error;
  }
  for (const name of names) {
    if (name.includes("\ufffd") && !isThere(`${root}/${directory}/${name}`))
      throw new BadFileName(`the name of ${JSON.stringify(`${directory}/${name}`.replace(/^\//, ""))} is not UTF-8`);
  }
  return names.sort(byCodePoints);
}

function byCodePoints(a: string, b: string): number {
  if (!/[\ud800-\uffff]/.test(a) || !/[\ud800-\uffff]/.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const isThere = (path: string): boolean => statOf(path) !== null;

const isGone = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes((error as { code?: string }).code ?? "");

function statOf(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isGone(error) || (error as { code?: string }).code === "EINVAL") return null;
    throw error;
  }
}

/** As glibc's gnu_dev_major and gnu_dev_minor. */
const major = (device: bigint): number => Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn));
const minor = (device: bigint): number => Number((device & 0xffn) | ((device >> 12n) & ~0xffn));
