/**
 * Which files of an input a COPY takes, and where each goes. Paths are resolved inside the input's root by the kernel
 * (openat2, RESOLVE_IN_ROOT), so that no link of it leads out.
 */

import { invalidArgument, notFound } from "../../lib/errors.ts";
import { globMatch } from "../../lib/glob.ts";
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
  const only = source.only === null ? null : componentsOf(source.only);
  const paths = matching(root, only === null ? base : [...base, ...only]);
  return paths.flatMap((path) => {
    const isDirectory = isDirectoryAt(root, path.join("/"), only === null);
    // A link that leads nowhere is taken where a pattern finds it, and not where it was asked for by name.
    const isDead = source.isRequired && only === null && resolvedAt(root, path.join("/")) === false;
    if (isDirectory === null || isDead) return [];
    const above = only === null ? [] : path.slice(base.length, -1);
    return { source, path: path.join("/"), isDirectory, parents: above.map((part) => `${part}/`).join("") };
  });
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
  let found: string[][] = [[]];
  for (const component of components) {
    if (!isPattern(component)) {
      for (const path of found) path.push(component);
      continue;
    }
    found = found.flatMap((path) =>
      namesIn(root, path)
        .filter((name) => globMatch(component, name))
        .map((name) => [...path, name]),
    );
    if (found.length > mostMatches) throw invalidArgument(`more than ${mostMatches} files match`);
  }
  return found;
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
