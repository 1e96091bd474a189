/** `.dockerignore` as text: its patterns in order, as BuildKit reads them. */
import { posix } from "node:path";
import { trimSpace } from "../syntax/characters.ts";

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

/** Where an ignore file is looked for, the first that exists counts: beside the Dockerfile by its name, then at the context's root. */
export function ignoreFileNames(dockerfile: string): readonly [besideDockerfile: string, atRoot: string] {
  return [`${dockerfile}.dockerignore`, ".dockerignore"];
}
