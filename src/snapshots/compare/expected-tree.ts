/**
 * What an unpacked layer should hold, built from its archive by the rules of the extractor. The contents of files are held
 * against the disk while the archive streams by, so that only names and attributes stay in memory.
 */
import { invalidArgument } from "../../lib/errors.ts";
import type { TarEntry, TarEntryType, TarSink } from "../../lib/tar/entry.ts";
import { AT_FDCWD, close, O_NOFOLLOW, O_PATH, O_RDONLY, readFd, tryOpenAt } from "../../linux/file.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, tryOpenAt2 } from "../../linux/openat2.ts";
import { fstat, S_IFMT, S_IFREG } from "../../linux/stat.ts";
import { cleanPath, startsWith } from "../unpack/path.ts";
import { isOpaqueMark, whiteoutPrefix, whiteoutTarget } from "../unpack/whiteout.ts";

/** One name of the layer; all names of one hard-linked file share it. */
export interface ExpectedFile {
  readonly type: Exclude<TarEntryType, "hardlink"> | "whiteout";
  /** Its member; `null` for a whiteout, and for a directory that no member names. */
  readonly entry: Omit<TarEntry, "path" | "linkPath"> | null;
  /** Where a symbolic link leads. */
  readonly target: Buffer;
  /** A directory that hides what the layers below have in it. */
  opaque: boolean;
  /** What is wrong with the data on the disk; `null` while nothing is. */
  content: string | null;
}

/** Symbolic links on the way to one name, as many as the kernel follows. */
const maxLinks = 40;

const compareChunk = 1 << 20;

export class ExpectedTree implements TarSink, Disposable {
  /** By path, as latin1 so that any bytes fit; "" is the root. */
  readonly files = new Map<string, ExpectedFile>();
  readonly #root: number;
  readonly #buffer = Buffer.allocUnsafeSlow(compareChunk);
  #fd = -1;
  #at = 0;
  #current: ExpectedFile | null = null;
  /** The last parent asked for and where it is: most members are their predecessor's neighbours. */
  #known: readonly [asked: string, found: string] = ["", ""];

  /** `root` is the descriptor of the directory that the layer was unpacked in. */
  constructor(root: number) {
    this.#root = root;
  }

  [Symbol.dispose](): void {
    this.#closeFile();
  }

  entry(entry: TarEntry): void {
    this.#closeFile();
    const parts = cleanPath(entry.path);
    const name = parts.pop();
    if (!name) {
      if (entry.type === "directory") this.#put("", fileOf(entry, "directory"));
      return;
    }
    const parent = this.#directory(parts);
    if (startsWith(name, whiteoutPrefix)) this.#whiteout(parent, name);
    else this.#member(below(parent, name.toString("latin1")), entry);
  }

  data(bytes: Uint8Array): void {
    this.#compare(bytes.length, (read, from) => read.equals(bytes.subarray(from, from + read.length)));
  }

  hole(length: number): void {
    this.#compare(length, (read) => read.every((byte) => byte === 0));
  }

  end(): void {
    this.#closeFile();
  }

  #member(key: string, entry: TarEntry): void {
    const before = this.files.get(key);
    if (entry.type === "hardlink") {
      const target = cleanPath(entry.linkPath);
      const name = target.pop()?.toString("latin1") ?? "";
      const file = this.files.get(below(this.#directory(target), name));
      if (!file) throw invalidArgument("a hard link to nothing");
      this.#replace(key, file);
    } else if (entry.type !== "directory") {
      const file = fileOf(entry, entry.type);
      this.#replace(key, file);
      if (entry.type === "file") this.#open(key, file);
    } else if (before?.type === "directory") this.#put(key, { ...fileOf(entry, "directory"), opaque: before.opaque });
    else this.#replace(key, { ...fileOf(entry, "directory"), opaque: before?.type === "whiteout" });
  }

  #whiteout(parent: string, name: Buffer): void {
    if (isOpaqueMark(name)) {
      const dir = this.files.get(parent);
      if (dir) dir.opaque = true;
      else this.#put(parent, { ...implied(), opaque: true });
      return;
    }
    const target = whiteoutTarget(name);
    if (!target) return;
    const key = below(parent, target.toString("latin1"));
    const there = this.files.get(key);
    if (!there) this.#put(key, { ...implied(), type: "whiteout" });
    else if (there.type === "directory") there.opaque = true;
  }

  #put(key: string, file: ExpectedFile): void {
    this.files.set(key, file);
  }

  /** A later member takes the place of an earlier one, and of all that was in it. */
  #replace(key: string, file: ExpectedFile): void {
    const before = this.files.get(key);
    if (before || file.type === "symlink") this.#known = ["", ""];
    if (before?.type === "directory") {
      for (const other of this.files.keys()) if (other.startsWith(`${key}/`)) this.files.delete(other);
    }
    this.#put(key, file);
  }

  /** Where the directory `parts` is once links are followed; made, as the extractor does, where it is absent. */
  #directory(parts: readonly Buffer[]): string {
    const asked = parts.map((part) => part.toString("latin1")).join("/");
    if (asked === "" || asked === this.#known[0]) return asked === "" ? "" : this.#known[1];
    const pending = asked.split("/");
    let at: string[] = [];
    let links = 0;
    for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        at.pop();
        continue;
      }
      const key = below(at.join("/"), part);
      const file = this.files.get(key);
      if (file?.type === "symlink") {
        if (++links > maxLinks) throw invalidArgument("too many symbolic links");
        const target = file.target.toString("latin1");
        if (target.startsWith("/")) at = [];
        pending.unshift(...target.split("/"));
        continue;
      }
      if (!file || file.type === "whiteout") this.#put(key, { ...implied(), opaque: file !== undefined });
      else if (file.type !== "directory") throw invalidArgument("a path that leads through a file");
      at.push(part);
    }
    this.#known = [asked, at.join("/")];
    return this.#known[1];
  }

  /** Opens the file on the disk where it is one; that it is not is told when attributes are compared. */
  #open(key: string, file: ExpectedFile): void {
    const path = Buffer.from(key, "latin1");
    const found = tryOpenAt2(this.#root, path, O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    if (found < 0) return;
    try {
      if ((fstat(found).mode & S_IFMT) !== S_IFREG) return;
      this.#fd = tryOpenAt(AT_FDCWD, `/proc/self/fd/${found}`, O_RDONLY);
    } finally {
      close(found);
    }
    this.#current = file;
    this.#at = 0;
  }

  /** Reads as much as the archive has and asks `same` of each piece; the first difference is kept. */
  #compare(length: number, same: (read: Buffer, from: number) => boolean): void {
    const file = this.#current;
    if (!file || this.#fd < 0 || file.content !== null) return;
    for (let done = 0; done < length; ) {
      const count = readFd(this.#fd, this.#buffer, 0, Math.min(this.#buffer.length, length - done));
      const read = this.#buffer.subarray(0, count);
      if (count === 0) file.content = `its data ends after ${this.#at} bytes`;
      else if (!same(read, done)) file.content = `its data differs in the ${read.length} bytes from ${this.#at} on`;
      if (file.content !== null) return;
      done += count;
      this.#at += count;
    }
  }

  #closeFile(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
    this.#current = null;
  }
}

const below = (parent: string, name: string): string => (parent === "" ? name : `${parent}/${name}`);

const implied = (): ExpectedFile => ({
  type: "directory",
  entry: null,
  target: Buffer.alloc(0),
  opaque: false,
  content: null,
});

/** The reader's bytes are its own once its call is over. */
function fileOf({ path: _, linkPath, ...entry }: TarEntry, type: ExpectedFile["type"]): ExpectedFile {
  const xattrs = entry.xattrs && new Map([...entry.xattrs].map(([name, value]) => [name, Buffer.from(value)]));
  return { type, entry: { ...entry, xattrs }, target: Buffer.from(linkPath), opaque: false, content: null };
}
