/**
 * Which paths of a directory have to be sent for others to be found: each one, the links on the way to it, and what those
 * lead to. Links never lead out: `..` ends at the directory, and a path from the root begins there.
 */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { globMatch } from "../../lib/glob.ts";

const mostLinks = 255;

const isPattern = (name: string): boolean => /[*?[\\]/.test(name);

/** Paths below `root`, sorted, none below another; null where everything is wanted. A part of a path may be a glob. */
export function followPaths(root: string, paths: readonly string[]): readonly string[] | null {
  const wanted = new Set<string>();
  for (const path of paths) follow(root, "", partsOf(path), wanted, { left: mostLinks });
  if (wanted.has("")) return null;
  return [...wanted].filter((path) => !isBelowOther(path, wanted)).sort();
}

const partsOf = (path: string): string[] => posix.join("/", path).split("/").filter(Boolean);

function isBelowOther(path: string, others: ReadonlySet<string>): boolean {
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    if (others.has(path.slice(0, at))) return true;
  }
  return false;
}

function follow(
  root: string,
  directory: string,
  parts: readonly string[],
  wanted: Set<string>,
  links: { left: number },
): void {
  const [name, ...rest] = parts;
  if (name === undefined) {
    wanted.add(directory);
    return;
  }
  const names = isPattern(name) ? namesIn(`${root}/${directory}`).filter((each) => globMatch(name, each)) : [name];
  for (const each of names) {
    const path = directory === "" ? each : `${directory}/${each}`;
    const target = targetOf(`${root}/${path}`);
    if (target === null) {
      follow(root, path, rest, wanted, links);
      continue;
    }
    wanted.add(path);
    if (links.left-- <= 0) continue;
    follow(root, "", [...partsOf(target.startsWith("/") ? target : `${directory}/${target}`), ...rest], wanted, links);
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Where a link leads; null for what is none or is not there. */
function targetOf(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return null;
  }
}
