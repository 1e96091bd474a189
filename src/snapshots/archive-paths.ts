/** How `docker cp` takes a path inside a container: its directory is resolved in the root, its last component is itself. */
import { close, O_DIRECTORY, O_PATH, readlinkAt } from "../linux/file.ts";
import { RESOLVE_IN_ROOT, tryOpenAt2 } from "../linux/openat2.ts";
import { S_IFLNK, S_IFMT, tryLstatAt } from "../linux/stat.ts";
import { SyscallError } from "../linux/syscall-error.ts";
import { cleanPath } from "./unpack/path.ts";

/** A path's directory, open (O_PATH) inside the root, and its last component: `.` when the directory itself is meant. */
export interface LocatedPath extends Disposable {
  readonly dir: number;
  readonly name: Buffer;
  /** What an archive calls it: the last component as the caller wrote it, `/` for the root. */
  readonly shownName: string;
}

/**
 * Finds `path` below the directory `root`. A path that ends in a slash or in `/.` means the directory a link there
 * leads to. Throws ENOENT or ENOTDIR as the kernel has it.
 */
export function locate(root: number, path: string): LocatedPath {
  const parts = cleanPath(Buffer.from(`/${path}`));
  const last = parts.at(-1);
  const meansDirectory = /(^|\/)\.?$/.test(path) || last === undefined;
  const directoryParts = meansDirectory ? parts : parts.slice(0, -1);
  const dir = tryOpenDirectory(root, directoryParts);
  if (dir < 0) throw new SyscallError("open", -dir, path);
  return {
    dir,
    name: meansDirectory ? Buffer.from(".") : (last ?? Buffer.from(".")),
    shownName: /(^|\/)\.$/.test(path) && parts.length > 0 ? "." : (last?.toString() ?? "/"),
    [Symbol.dispose]: () => close(dir),
  };
}

function tryOpenDirectory(root: number, parts: readonly Buffer[]): number {
  const path = Buffer.concat([Buffer.from("./"), ...parts.flatMap((part) => [part, Buffer.from("/")])]);
  return tryOpenAt2(root, path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
}

const maxLinks = 40;

/** Where the link at `path` leads inside the root, as an absolute path there; it need not exist. */
export function followLink(root: number, path: string): string {
  let parts = cleanPath(Buffer.from(`/${path}`));
  for (let hop = 0; hop < maxLinks; hop++) {
    const last = parts.at(-1);
    if (!last) break;
    const above = parts.slice(0, -1);
    const dir = tryOpenDirectory(root, above);
    if (dir < 0) break;
    try {
      const stat = tryLstatAt(dir, last);
      if (!stat || (stat.mode & S_IFMT) !== S_IFLNK) break;
      const target = readlinkAt(dir, last);
      const from = target[0] === 0x2f ? [] : above.flatMap((part) => [Buffer.from("/"), part]);
      parts = cleanPath(Buffer.concat([...from, Buffer.from("/"), target]));
    } finally {
      close(dir);
    }
  }
  return `/${parts.map((part) => part.toString()).join("/")}`;
}
