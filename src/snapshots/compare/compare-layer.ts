/** The helper that holds an unpacked layer against its archive: every name, attribute and byte. */
import { answer } from "../../helper/helper-process.ts";
import { textOfBytes } from "../../lib/byte-text.ts";
import { TarReader } from "../../lib/tar/reader.ts";
import { readDirectory } from "../../linux/directory.ts";
import { AT_FDCWD, close, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, openAt, tryOpenAt } from "../../linux/file.ts";
import { raiseFileLimit } from "../../linux/rlimit.ts";
import { type FileStat, fstat } from "../../linux/stat.ts";
import { SyscallError } from "../../linux/syscall-error.ts";
import { eachChunk } from "../unpack/layer-body.ts";
import { differences, typeOf } from "./differences.ts";
import { type ExpectedFile, ExpectedTree } from "./expected-tree.ts";

/** Differences that are told one by one; the rest is counted. */
const maxTold = 50;

/** One path, as text of its bytes ("/" is the layer's root), and what is wrong with it. */
export interface LayerDifference {
  readonly path: string;
  readonly problem: string;
}

/** What a comparison came to. */
export interface LayerComparison {
  readonly files: number;
  /** All differences, of which `told` has the first. */
  readonly differences: number;
  readonly told: readonly LayerDifference[];
}

export interface CompareRequest {
  /** The layer's `diff` directory. */
  readonly diff: string;
  /** The layer's archive, packed or not. */
  readonly body: string;
}

export async function compareLayerMain(args: string[]): Promise<void> {
  await answer<CompareRequest, LayerComparison>(args, async ({ diff, body }) => {
    raiseFileLimit();
    const root = openAt(AT_FDCWD, diff, O_DIRECTORY);
    using expected = new ExpectedTree(root);
    const reader = new TarReader(expected);
    await eachChunk(body, (chunk) => reader.push(chunk));
    reader.finish();
    const comparison = new TreeComparison(expected.files);
    comparison.compareTree(root);
    return comparison.result();
  });
}

class TreeComparison {
  /** What has not been met on the disk yet. */
  readonly #expected: Map<string, ExpectedFile>;
  readonly #told: LayerDifference[] = [];
  /** Inodes of hard-linked files by what they should be: all names of one are one. */
  readonly #inodes = new Map<ExpectedFile, number>();
  #differences = 0;
  #files = 0;

  constructor(expected: Map<string, ExpectedFile>) {
    this.#expected = expected;
  }

  compareTree(root: number): void {
    const expected = this.#expected.get("");
    this.#expected.delete("");
    const fd = openAt(root, ".", O_PATH | O_DIRECTORY);
    if (expected) this.#note("", differences(fd, fstat(fd), expected));
    close(fd);
    this.#children(root, "");
  }

  result(): LayerComparison {
    // What was in a missing directory is missed with it.
    const missing = [...this.#expected.keys()].filter((key) => !this.#expected.has(key.replace(/\/?[^/]*$/, "")));
    for (const key of missing) this.#note(key, ["it is missing"]);
    return { files: this.#files, differences: this.#differences, told: this.#told };
  }

  #children(dir: number, prefix: string): void {
    for (const { name } of readDirectory(dir)) {
      const key = prefix + name.toString("latin1");
      this.#files++;
      const fd = tryOpenAt(dir, name, O_PATH | O_NOFOLLOW);
      if (fd < 0) {
        this.#note(key, [`it cannot be looked at: ${new SyscallError("open", -fd).message}`]);
        continue;
      }
      try {
        this.#file(fd, key);
      } finally {
        close(fd);
      }
    }
  }

  #file(fd: number, key: string): void {
    const expected = this.#expected.get(key);
    const stat = fstat(fd);
    if (!expected) {
      this.#note(key, [`the layer has no such ${typeOf(stat)}`]);
      return;
    }
    this.#expected.delete(key);
    if (this.#isFirstName(expected, stat)) this.#note(key, differences(fd, stat, expected));
    else if (this.#inodes.get(expected) !== stat.ino) this.#note(key, ["it is no hard link of its other names"]);
    if (typeOf(stat) !== "directory" || expected.type !== "directory") return;
    const opened = tryOpenAt(fd, ".", O_RDONLY | O_DIRECTORY);
    if (opened < 0) {
      this.#note(key, [`it cannot be read: ${new SyscallError("open", -opened).message}`]);
      return;
    }
    try {
      this.#children(opened, `${key}/`);
    } finally {
      close(opened);
    }
  }

  #isFirstName(expected: ExpectedFile, stat: FileStat): boolean {
    if (this.#inodes.has(expected)) return false;
    if (expected.type !== "directory") this.#inodes.set(expected, stat.ino);
    return true;
  }

  #note(key: string, problems: readonly string[]): void {
    if (problems.length === 0) return;
    this.#differences++;
    if (this.#told.length >= maxTold) return;
    this.#told.push({ path: `/${textOfBytes(Buffer.from(key, "latin1"))}`, problem: problems.join(", ") });
  }
}
