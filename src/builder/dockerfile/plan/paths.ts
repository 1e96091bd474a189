/** Paths inside of images, as instructions name them. */
import { posix } from "node:path";

/**
 * The working directory after `WORKDIR path`: relative ones go on from the one before. An absolute one stays as it is
 * written, also where it could be shorter: it is so in the image's configuration.
 */
export function workdirAfter(current: string, path: string): string {
  if (path === "") return current || "/";
  return path.startsWith("/") ? path : withoutSlash(posix.join("/", current, path));
}

/** A path without a slash at its end, `/` apart. */
export function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/$/, "") : path;
}

/** Absolute, clean and below `/`, whatever `..` it has; a slash at the end stays. */
export function insideRoot(path: string): string {
  const clean = posix.join("/", path);
  return path.endsWith("/.") && clean !== "/" ? `${clean}/` : clean;
}

/** Where a copy goes to: a directory when it is `.`, nothing at all, or ends with a slash. */
export function destinationIn(directory: string, path: string): string {
  if (path.startsWith("/")) return insideRoot(path);
  const isDirectory = path === "" || path === "." || path === ".." || path.endsWith("/..");
  return insideRoot(`${directory}/${path}${isDirectory ? "/" : ""}`);
}

/** True for a path that Go's path.Match would take for a pattern. */
export function hasWildcards(path: string): boolean {
  return /(?:^|[^\\])(?:\\\\)*[*?[]/.test(path);
}
