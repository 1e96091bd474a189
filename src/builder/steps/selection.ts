/**
 * Which files of an input a COPY takes, and where each goes. Paths are resolved inside the input's root by the kernel
 * (openat2, RESOLVE_IN_ROOT), so that no link of it leads out.
 */

import { invalidArgument, notFound } from "../../lib/errors.ts";
import { globMatch } from "../../lib/glob.ts";
import { IgnorePattern } from "../../lib/ignore/ignore-pattern.ts";
import { readDirectory } from "../../linux/directory.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../../linux/openat2.ts";
import { fstat, S_IFDIR, S_IFMT, tryLstatAt } from "../../linux/stat.ts";
import { SyscallError } from "../../linux/syscall-error.ts";
import { locate } from "../../snapshots/archive-paths.ts";

/** One source of a COPY: a path, or a pattern, inside the tree at `root`. */
export interface FileSource {
  /** A directory of this host. */
  readonly root: string;
  readonly path: string;
  /** `--parents`: what below `path` is meant, as it stays named; null is `path` itself. */
  readonly only: string | null;
  readonly isRequired: boolean;
  readonly unpacks: boolean;
  /** Files of an image or a stage are whose they were there; all others are root's. */
  readonly keepsOwner: boolean;
  /** What tells its content in a cache key, where that is not the files' own digest. */
  readonly identity?: string | null;
}

/** A file or directory that a source means. */
export interface Chosen {
  readonly source: FileSource;
  /** Inside the source's root, without a slash in front; "" is the root. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** Directories of the source that stand above it at the destination too (`--parents`), each with a slash behind. */
  readonly parents: string;
  /** The directory that `parents` begin in, as `path`. */
  readonly base: string;
}

const isPattern = (component: string): boolean => /[*?[\\]/.test(component);
const componentsOf = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");
/** Most matches of one source; a pattern over an endless tree is somebody's mistake. */
const mostMatches = 1_000_000;

/** What the sources mean, in the order of the instruction, patterns by name. Throws `notFound` in BuildKit's words. */
export function choose(sources: readonly FileSource[]): Chosen[] {
  return sources.flatMap((source) => {
    const root = openAt(AT_FDCWD, source.root, O_DIRECTORY);
    try {
      const chosen = chooseIn(root, source);
      if (chosen.length === 0 && source.isRequired) throw notFound(`"${source.path}": not found`);
      return chosen;
    } finally {
      close(root);
    }
  });
}

function chooseIn(root: number, source: FileSource): Chosen[] {
  const base = componentsOf(source.path);
  if (source.only !== null) return chooseBelow(root, source, base, componentsOf(source.only));
  return matching(root, base).flatMap((parts) => {
    const path = parts.join("/");
    const isDirectory = isDirectoryAt(root, path, true);
    // A link that leads nowhere is taken where a pattern finds it, and not where it was asked for by name.
    const isDead = source.isRequired && resolvedAt(root, path) === false;
    return isDirectory === null || isDead ? [] : { source, path, isDirectory, parents: "", base: "" };
  });
}

/** `--parents`: what `only` means in each directory that `base` does. */
function chooseBelow(root: number, source: FileSource, base: readonly string[], only: readonly string[]): Chosen[] {
  return matching(root, base).flatMap((directory) =>
    (only.some(isPattern) ? walked(root, directory, only.join("/")) : [[...directory, ...only]])
      .map((parts) => ({ parts, isDirectory: isDirectoryAt(root, parts.join("/"), false) }))
      .flatMap(({ parts, isDirectory }) => {
        if (isDirectory === null) return [];
        const above = parts.slice(directory.length, -1);
        const parents = above.map((part) => `${part}/`).join("");
        return { source, path: parts.join("/"), isDirectory, parents, base: directory.join("/") };
      }),
  );
}

/** Walks the directory for what matches the pattern, which may have `**`; a directory that does is taken whole. */
function walked(root: number, directory: readonly string[], text: string): string[][] {
  const pattern = new IgnorePattern(text);
  const matches: string[][] = [];
  const visit = (parts: readonly string[]): void => {
    for (const name of namesIn(root, [...directory, ...parts])) {
      const path = [...parts, name];
      if (pattern.matches(path.join("/"))) matches.push([...directory, ...path]);
      else if (pattern.mayMatchBelow(path.join("/")) && lstatKind(root, [...directory, ...path].join("/"))) visit(path);
      if (matches.length > mostMatches) throw invalidArgument(`more than ${mostMatches} files match`);
    }
  };
  visit([]);
  return matches;
}

/** Null when nothing is there. A link is followed where the path was meant by itself, not below `--parents`. */
function isDirectoryAt(root: number, path: string, follows: boolean): boolean | null {
  if (follows) {
    const fd = tryOpenAt2(root, `./${path}`, O_PATH, RESOLVE_IN_ROOT);
    if (fd >= 0) {
      try {
        return (fstat(fd).mode & S_IFMT) === S_IFDIR;
      } finally {
        close(fd);
      }
    }
  }
  return lstatKind(root, path);
}

function resolvedAt(root: number, path: string): boolean {
  const fd = tryOpenAt2(root, `./${path}`, O_PATH, RESOLVE_IN_ROOT);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

function lstatKind(root: number, path: string): boolean | null {
  try {
    using at = locate(root, path);
    const stat = tryLstatAt(at.dir, at.name);
    return stat === null ? null : (stat.mode & S_IFMT) === S_IFDIR;
  } catch (error) {
    if (error instanceof SyscallError && (error.errno === 2 || error.errno === 20)) return null;
    throw error;
  }
}

/** Expands the components that are patterns; plain ones are taken as they are. */
function matching(root: number, components: readonly string[]): string[][] {
  let paths: string[][] = [[]];
  for (const component of components) {
    if (!isPattern(component)) {
      for (const path of paths) path.push(component);
      continue;
    }
    paths = paths.flatMap((path) =>
      namesIn(root, path)
        .filter((name) => globMatch(component, name))
        .map((name) => [...path, name]),
    );
    if (paths.length > mostMatches) throw invalidArgument(`more than ${mostMatches} files match`);
  }
  return paths;
}

function namesIn(root: number, path: readonly string[]): string[] {
  const fd = tryOpenAt2(root, `./${path.join("/")}`, O_DIRECTORY, RESOLVE_IN_ROOT);
  if (fd < 0) return [];
  try {
    return readDirectory(fd)
      .map(({ name }) => name.toString())
      .sort();
  } finally {
    close(fd);
  }
}
