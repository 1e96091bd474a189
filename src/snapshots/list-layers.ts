/** The helper that lists what layers hold, one JSON line for each file. */
import type { LayerFile, LayerFileType } from "../api/image-files.ts";
import { stream } from "../helper/helper-process.ts";
import { textOfBytes } from "../lib/byte-text.ts";
import { readDirectory } from "../linux/directory.ts";
import {
  AT_FDCWD,
  close,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  openAt,
  readFd,
  readlinkAt,
  tryOpenAt,
  writeFd,
} from "../linux/file.ts";
import { raiseFileLimit } from "../linux/rlimit.ts";
import { type FileStat, fstat } from "../linux/stat.ts";
import { typeOf } from "./compare/differences.ts";
import { isOpaque } from "./unpack/whiteout.ts";

export interface ListLayersRequest {
  /** Layers' directories, lowest first. */
  readonly layers: readonly string[];
  /** The first of them that is listed. */
  readonly from: number;
  /** The first of them whose files are read, to tell their digests; `null` for none. */
  readonly digestsFrom: number | null;
}

/** Bytes of lines that are gathered before they are written. */
const lineBuffer = 256 * 1024;

export async function listLayersMain(args: string[]): Promise<void> {
  await stream<ListLayersRequest>(args, async ({ layers, from, digestsFrom }) => {
    raiseFileLimit();
    const output = new Lines();
    for (const [layer, path] of layers.entries()) {
      if (layer < from) continue;
      const root = openAt(AT_FDCWD, path, O_DIRECTORY);
      new LayerLister(layer, digestsFrom !== null && layer >= digestsFrom, output).children(root, Buffer.alloc(0));
      close(root);
    }
    output.flush();
  });
}

/** Lines on standard output; the process waits while nobody reads them. */
class Lines {
  #held = "";

  add(value: unknown): void {
    this.#held += `${JSON.stringify(value)}\n`;
    if (this.#held.length >= lineBuffer) this.flush();
  }

  flush(): void {
    writeFd(1, Buffer.from(this.#held));
    this.#held = "";
  }
}

class LayerLister {
  readonly #layer: number;
  readonly #digests: boolean;
  readonly #output: Lines;
  /** First names of files with several, by inode. */
  readonly #names = new Map<number, string>();
  readonly #buffer = Buffer.allocUnsafeSlow(1 << 20);

  constructor(layer: number, digests: boolean, output: Lines) {
    this.#layer = layer;
    this.#digests = digests;
    this.#output = output;
  }

  children(dir: number, prefix: Buffer): void {
    const entries = readDirectory(dir).sort((a, b) => Buffer.compare(a.name, b.name));
    for (const { name } of entries) {
      const fd = tryOpenAt(dir, name, O_PATH | O_NOFOLLOW);
      if (fd < 0) continue;
      try {
        this.#file(fd, Buffer.concat([prefix, name]));
      } finally {
        close(fd);
      }
    }
  }

  #file(fd: number, path: Buffer): void {
    const stat = fstat(fd);
    const type = typeOf(stat) as LayerFileType;
    const told: LayerFile = {
      Layer: this.#layer,
      Path: textOfBytes(path),
      Type: type,
      Mode: stat.mode & 0o7777,
      UID: stat.uid,
      GID: stat.gid,
      Size: 0,
      ModTime: stat.mtime.sec,
    };
    if (type === "file") this.#fill(told, fd, stat);
    if (type === "symlink") told.Target = textOfBytes(readlinkAt(fd, ""));
    if (type === "char" || type === "block") told.Target = `${stat.rdevMajor}:${stat.rdevMinor}`;
    if (type === "directory" && isOpaque(fd)) told.Opaque = true;
    this.#output.add(told);
    if (type !== "directory") return;
    const opened = tryOpenAt(fd, ".", O_RDONLY | O_DIRECTORY);
    if (opened < 0) return;
    try {
      this.children(opened, Buffer.concat([path, Buffer.from("/")]));
    } finally {
      close(opened);
    }
  }

  #fill(told: LayerFile, fd: number, stat: FileStat): void {
    const first = stat.nlink > 1 ? this.#names.get(stat.ino) : undefined;
    told.Size = stat.size;
    if (first !== undefined) told.Target = first;
    if (stat.nlink > 1 && first === undefined) this.#names.set(stat.ino, told.Path);
    if (this.#digests) told.Digest = this.#digestOf(fd);
  }

  #digestOf(fd: number): string {
    const opened = openAt(AT_FDCWD, `/proc/self/fd/${fd}`, O_RDONLY | O_NONBLOCK);
    const hasher = new Bun.CryptoHasher("sha256");
    try {
      for (let length = readFd(opened, this.#buffer); length > 0; length = readFd(opened, this.#buffer)) {
        hasher.update(this.#buffer.subarray(0, length));
      }
    } finally {
      close(opened);
    }
    return `sha256:${hasher.digest("hex")}`;
  }
}
