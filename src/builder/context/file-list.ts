/** What a client says its directory holds, checked while it comes: nothing of it may lead out of where it will be written. */
import { goMode, type Stat } from "../../api/buildkit/files.ts";
import { invalidArgument, resourceExhausted } from "../../lib/errors.ts";
import type { Read } from "../../lib/protobuf/message.ts";

export type FileStat = Read<typeof Stat>;

/** Most files of one context. */
const maxFiles = 2_000_000;
/** Longest path, as the kernel has it. */
const maxPathBytes = 4095;
/** Most bytes of all their names, links and attributes: a list is held as a whole. */
const maxListBytes = 256 << 20;

export type FileKind = "directory" | "file" | "link" | "hardLink" | "pipe" | "device";

export function kindOfFile({ mode, linkname }: FileStat): FileKind {
  const type = (mode & goMode.type) >>> 0;
  switch (type) {
    case 0:
      return linkname === "" ? "file" : "hardLink";
    case goMode.directory:
      return "directory";
    case goMode.symlink:
      return "link";
    case goMode.namedPipe:
      return "pipe";
    case goMode.device:
    case (goMode.device | goMode.characterDevice) >>> 0:
      return "device";
    default:
      throw invalidArgument(`a file of Go's mode 0x${mode.toString(16)} cannot be sent`);
  }
}

export class FileList {
  readonly #files = new Map<string, FileStat>();
  #last: Buffer = Buffer.alloc(0);
  #bytes = 0;

  /** In the order in which they came, by path; a file's number is its place here. */
  get files(): ReadonlyMap<string, FileStat> {
    return this.#files;
  }

  /** Throws `invalidArgument` for what no honest client sends. */
  add(stat: FileStat): void {
    const { path } = stat;
    const refuse = (why: string): Error =>
      invalidArgument(`invalid file ${JSON.stringify(path)} in the context: ${why}`);
    if (this.#files.size >= maxFiles) throw resourceExhausted(`the context has more than ${maxFiles} files`);
    const bytes = Buffer.from(path);
    this.#bytes += bytes.length + stat.linkname.length;
    for (const [name, value] of stat.xattrs) this.#bytes += name.length + value.length;
    if (this.#bytes > maxListBytes) {
      throw resourceExhausted(`the context's list of files is larger than ${maxListBytes} bytes`);
    }
    if (path === "" || path.startsWith("/")) throw refuse("the path is not relative");
    if (bytes.length > maxPathBytes) throw refuse("the path is too long");
    if (path.includes("\0")) throw refuse("the path has a null byte");
    const parts = path.split("/");
    if (parts.some((part) => part === "" || part === "." || part === "..")) throw refuse("the path is not clean");
    if (comparePaths(this.#last, bytes) >= 0) throw refuse("it comes out of order");
    const above = parts.slice(0, -1).join("/");
    const parent = above === "" ? null : this.#files.get(above);
    if (parent === undefined) throw refuse("its directory has not come");
    if (parent !== null && kindOfFile(parent) !== "directory") throw refuse(`${above} is not a directory`);
    const kind = kindOfFile(stat);
    if (kind === "link" && (stat.linkname === "" || stat.linkname.includes("\0"))) throw refuse("it links to nothing");
    if (kind === "hardLink") {
      const first = this.#files.get(stat.linkname);
      if (first === undefined || kindOfFile(first) !== "file") throw refuse(`it links to no file: ${stat.linkname}`);
    }
    this.#last = bytes;
    this.#files.set(path, stat);
  }
}

const slash = 0x2f;

/** By bytes, a slash before all else: as a walk goes. */
export function comparePaths(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] === b[i]) continue;
    if (a[i] === slash) return -1;
    if (b[i] === slash) return 1;
    return a[i]! < b[i]! ? -1 : 1;
  }
  return a.length - b.length;
}

/** Whether two stats of one path are of the same file, as far as can be told without reading it. */
export function isSameFile(a: FileStat, b: FileStat): boolean {
  const isAlike =
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.linkname === b.linkname &&
    a.devmajor === b.devmajor &&
    a.devminor === b.devminor &&
    a.xattrs.size === b.xattrs.size;
  if (!isAlike) return false;
  for (const [name, value] of a.xattrs) {
    const other = b.xattrs.get(name);
    if (other === undefined || Buffer.compare(value, other) !== 0) return false;
  }
  // A directory's size is its file system's affair.
  const isDirectory = (a.mode & goMode.directory) !== 0;
  return a.modTime === b.modTime && (isDirectory || a.size === b.size);
}
