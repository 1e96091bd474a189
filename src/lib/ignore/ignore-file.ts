/** `.dockerignore` as text: its patterns in order, as BuildKit reads them. */
import { posix } from "node:path";
import { trimSpace } from "../characters.ts";

/** A path without `.`, `..` and double or trailing slashes; nothing at all is `.`. */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 ? normal.replace(/\/$/, "") : normal;
}

/**
 * The patterns of an ignore file. A line that begins with `#` is a comment (blanks before it make it a pattern), blanks
 * around a pattern are dropped, and so is a slash before it; `!` makes an exception.
 */
export function readIgnoreFile(text: string): readonly string[] {
  const patterns: string[] = [];
  for (const line of text.replace(/^\ufeff/, "").split("\n")) {
    if (line.startsWith("#")) continue;
    const pattern = trimSpace(line);
    if (pattern === "") continue;
    const isException = pattern.startsWith("!");
    const bare = isException ? trimSpace(pattern.slice(1)) : pattern;
    const clean = bare === "" ? "" : cleanPath(bare);
    patterns.push((isException ? "!" : "") + (clean.length > 1 ? clean.replace(/^\//, "") : clean));
  }
  return patterns;
}

/** Reads texts beside a Dockerfile and in a build's context; null for a file that does not exist. */
export interface IgnoreFiles {
  besideDockerfile(name: string): Promise<string | null>;
  inContext(path: string): Promise<string | null>;
}

/** An ignore file that was found. */
export interface FoundIgnoreFile {
  readonly name: string;
  readonly patterns: readonly string[];
}

/**
 * The ignore file of a build: the Dockerfile's own (`NAME.dockerignore` beside it), else `.dockerignore` at the context's
 * root; null when there is neither. An empty one of the Dockerfile's own counts, and leaves nothing out.
 */
export async function findIgnoreFile(dockerfile: string, files: IgnoreFiles): Promise<FoundIgnoreFile | null> {
  const ownName = `${dockerfile}.dockerignore`;
  const own = await files.besideDockerfile(ownName);
  if (own !== null) return { name: ownName, patterns: readIgnoreFile(own) };
  const shared = await files.inContext(".dockerignore");
  return shared === null ? null : { name: ".dockerignore", patterns: readIgnoreFile(shared) };
}
