/**
 * Clients' directories, kept from build to build so that only what has changed is sent again: one tree for each directory that a
 * client has and each choice of its files. A tree that one build holds is not changed for another: that one gets a tree of its
 * own, which shares the files that are the same.
 */
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { invalidArgument } from "../../lib/errors.ts";
import { UseCounts } from "../../lib/use-counts.ts";
import type { KeptDirectories, KeptDirectory } from "../cache/cache-keeper.ts";
import type { ReceivedFiles } from "../request-sources.ts";
import type { DigestRequest } from "../steps/files-helper.ts";
import { type FileSource as CopySource, choose } from "../steps/selection.ts";
import { type FileStat, isSameFile, kindOfFile } from "./file-list.ts";
import { type Files, type KeptList, readKeptList, readListDigest, writeKeptList } from "./kept-list.ts";
import { KeptTree } from "./kept-tree.ts";
import { KnownDigests } from "./known-digests.ts";
import { listedDigest } from "./listed-digest.ts";

/** Another name when a digest comes to something else than before. */
const digestsName = "digests-2";
const nothing: KeptList = { files: new Map(), contents: new Map() };

/** One sender of files, whose list has come whole. */
export interface FileSource {
  readonly files: Files;
  /** Has the content of the files of these numbers sent, each piece told to `take`, an empty one at a file's end. */
  fetch(numbers: readonly number[], take: (number: number, data: Uint8Array) => void): Promise<void>;
}

/** Files whose content may be under way at once; fsutil's sender has four. */
const mostOpenFiles = 256;

export class KeptContexts implements KeptDirectories {
  readonly #directory: string;
  readonly #discard: (path: string) => void;
  readonly #users = new UseCounts();
  /** The last sync of each tree, so that there is one at a time. */
  readonly #syncs = new Map<string, Promise<unknown>>();

  /** Trees lie in `directory`; `discard` throws one away. */
  constructor(directory: string, discard: (path: string) => void) {
    this.#directory = directory;
    this.#discard = discard;
  }

  /** The `listDigest` of what is kept for `key`, for a client that may have it still; null where nothing is. */
  knownList(key: string): string | null {
    return readListDigest(join(this.#directory, idOf(key), "list"));
  }

  /** The tree of `key` as it is, while its list is the one of this digest; else null. */
  holdKnown(key: string, digest: string): Promise<ReceivedFiles | null> {
    const id = idOf(key);
    return this.#inTurn(id, async () => (this.knownList(key) === digest ? this.#hold(id) : null));
  }

  /** Brings the tree of `key` (any text) up to date with the source. */
  receive(key: string, source: FileSource): Promise<ReceivedFiles> {
    const id = idOf(key);
    return this.#inTurn(id, () => this.#receive(id, source));
  }

  async #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#syncs.get(id) ?? Promise.resolve();
    const own = before.then(work, work);
    this.#syncs.set(id, own);
    try {
      return await own;
    } finally {
      if (this.#syncs.get(id) === own) this.#syncs.delete(id);
    }
  }

  async #receive(id: string, source: FileSource): Promise<ReceivedFiles> {
    const place = join(this.#directory, id);
    const list = readKeptList(join(place, "list"));
    const isSame = list !== null && isEqual(list.files, source.files);
    const isUsed = this.#users.has(id);
    if (isUsed && list !== null && !isSame) return await this.#receiveApart(place, list, source);
    if (list === null) {
      if (existsSync(place)) this.#discard(place);
      mkdirSync(join(place, "files"), { recursive: true, mode: 0o700 });
    }
    if (!isSame) {
      // Without its list a tree counts for nothing: whatever ends this midway, it begins anew.
      if (list !== null) renameSync(join(place, "list"), join(place, "old-list"));
      rmSync(join(place, digestsName), { force: true });
      try {
        writeKeptList(join(place, "new-list"), await this.#sync(place, list ?? nothing, source));
        renameSync(join(place, "new-list"), join(place, "list"));
      } catch (error) {
        this.#discard(place);
        throw error;
      }
    }
    return this.#hold(id);
  }

  #hold(id: string): ReceivedFiles {
    const place = join(this.#directory, id);
    const now = new Date();
    utimesSync(join(place, "list"), now, now);
    const user = this.#users.take(id);
    return { root: join(place, "files"), [Symbol.asyncDispose]: async () => user[Symbol.dispose]() };
  }

  async #receiveApart(place: string, list: KeptList, source: FileSource): Promise<ReceivedFiles> {
    const own = mkdtempSync(join(this.#directory, "apart-"));
    try {
      mkdirSync(join(own, "files"), { mode: 0o700 });
      const shared = new Map<string, FileStat>();
      const made = new KeptTree(join(own, "files"));
      const directories = new Map([...source.files].filter(([, stat]) => kindOfFile(stat) === "directory"));
      made.prepare(new Map(), directories);
      for (const [path, stat] of directories) shared.set(path, stat);
      for (const [path, stat] of source.files) {
        const old = list.files.get(path);
        if (kindOfFile(stat) !== "file" || old === undefined || !isSameFile(old, stat)) continue;
        linkSync(join(place, "files", path), join(own, "files", path));
        shared.set(path, stat);
      }
      await this.#sync(own, { files: shared, contents: list.contents }, source);
    } catch (error) {
      this.#discard(own);
      throw error;
    }
    return { root: join(own, "files"), [Symbol.asyncDispose]: async () => this.#discard(own) };
  }

  /** Resolves to what is there now. Files that came with another size than was said have their own. */
  async #sync(place: string, before: KeptList, source: FileSource): Promise<KeptList> {
    const tree = new KeptTree(join(place, "files"));
    const paths = [...source.files.keys()];
    tree.remove(before.files, source.files);
    const wanted = tree.prepare(before.files, source.files);
    const replaced = new Set(wanted.map((number) => paths[number]!));
    const contents = new Map([...before.contents].filter(([path]) => !replaced.has(path) && source.files.has(path)));
    const files = new Map(source.files);
    const open = new Map<number, Arriving>();
    try {
      await source.fetch(wanted, (number, data) => {
        if (!open.has(number) && open.size >= mostOpenFiles) {
          throw invalidArgument("the client sends too many files at once");
        }
        const path = paths[number]!;
        const stat = source.files.get(path)!;
        const arriving = open.get(number) ?? {
          file: tree.create(path, stat),
          hasher: new Bun.CryptoHasher("sha256"),
        };
        open.set(number, arriving);
        if (data.length > 0) {
          arriving.hasher.update(data);
          return arriving.file.write(data);
        }
        const size = arriving.file.finish();
        if (size !== stat.size) files.set(path, { ...stat, size });
        contents.set(path, arriving.hasher.digest("hex"));
        open.delete(number);
      });
    } finally {
      for (const { file } of open.values()) file.drop();
    }
    tree.link(before.files, source.files, replaced);
    tree.finish(source.files);
    return { files, contents };
  }

  /**
   * The digest of files that are in use here, for a cache key; null where the helper `digest-files` has to look at them. What was
   * told once of a list is kept beside it.
   */
  async digest({ sources, exclude }: DigestRequest): Promise<string | null> {
    const root = sources[0]?.root;
    const isOther = (source: CopySource): boolean => source.root !== root || source.only !== null;
    if (root === undefined || exclude.length > 0 || sources.some(isOther)) return null;
    const place = dirname(root);
    if (dirname(place) !== this.#directory || !this.#users.has(basename(place))) return null;
    const asked = JSON.stringify(sources.map(({ path, only, isRequired }) => [path, only, isRequired]));
    const known = new KnownDigests(join(place, digestsName));
    const told = known.get(asked);
    if (told !== null) return told;
    const list = readKeptList(join(place, "list"));
    const digest = list && (await listedDigest(list, choose(sources)));
    if (digest) known.add(asked, digest);
    return digest;
  }

  async list(): Promise<KeptDirectory[]> {
    if (!existsSync(this.#directory)) return [];
    return readdirSync(this.#directory).flatMap((id) => {
      const place = join(this.#directory, id);
      const list = readKeptList(join(place, "list"));
      if (list === null) return [];
      let size = 0;
      for (const stat of list.files.values()) if (kindOfFile(stat) === "file") size += stat.size;
      const { birthtime: createdAt } = statSync(join(place, "files"));
      const { mtime: lastUsedAt } = statSync(join(place, "list"));
      return [{ id, size, createdAt, lastUsedAt, inUse: this.#users.has(id) || this.#syncs.has(id) }];
    });
  }

  /** False when it is in use, or not there. */
  remove(id: string): boolean {
    const place = join(this.#directory, id);
    if (!/^[0-9a-f]{64}$/.test(id) || this.#users.has(id) || this.#syncs.has(id) || !existsSync(place)) return false;
    this.#discard(place);
    return true;
  }

  /** Forgets what a crash left half made; to be called once, before the first build. */
  restore(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const id of readdirSync(this.#directory)) {
      const place = join(this.#directory, id);
      if (readListDigest(join(place, "list")) === null) this.#discard(place);
    }
  }
}

/** A file whose bytes come. */
interface Arriving {
  readonly file: ReturnType<KeptTree["create"]>;
  readonly hasher: Bun.CryptoHasher;
}

const idOf = (key: string): string => new Bun.CryptoHasher("sha256").update(key).digest("hex");

function isEqual(a: Files, b: Files): boolean {
  if (a.size !== b.size) return false;
  for (const [path, stat] of a) {
    const other = b.get(path);
    if (other === undefined || !isSameFile(stat, other)) return false;
  }
  return true;
}
