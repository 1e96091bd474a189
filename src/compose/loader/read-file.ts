/** The client's files, with a limit: what is read here may come from anywhere. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { invalidArgument, notFound } from "../../lib/errors.ts";
import { mostBytes, noteRead } from "./reads.ts";

/** Throws `notFound` or `invalidArgument` in Go's words. Pipes are read to their end. */
export function readText(path: string): string {
  noteRead("text", path);
  const fd = opened(path);
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      const chunk = Buffer.alloc(64 << 10);
      const count = readSync(fd, chunk);
      if (count === 0) break;
      size += count;
      if (size > mostBytes) throw invalidArgument(`${path} is too large: the limit is ${mostBytes >> 20} MiB`);
      chunks.push(chunk.subarray(0, count));
    }
    return Buffer.concat(chunks).toString("utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "EISDIR") throw invalidArgument(`read ${path}: is a directory`);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function opened(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw fileError("open", path, error);
  }
}

export function isFile(path: string): boolean {
  noteRead("kind", path);
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
}

export function fileExists(path: string): boolean {
  noteRead("kind", path);
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

const words: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  ENOTDIR: "not a directory",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
};

export function fileError(action: string, path: string, cause: unknown): Error {
  const code = (cause as { code?: string }).code ?? "";
  if (words[code] === undefined) return cause as Error;
  const make = code === "ENOENT" ? notFound : invalidArgument;
  return make(`${action} ${path}: ${words[code]}`);
}
