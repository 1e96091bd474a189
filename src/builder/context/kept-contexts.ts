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
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Stat } from "../../api/buildkit/files.ts";
import { many, message } from "../../lib/protobuf/message.ts";
import type { KeptDirectories, KeptDirectory } from "../cache/cache-keeper.ts";
import type { ReceivedFiles } from "../request-sources.ts";
import { type FileStat, isSameFile, kindOfFile } from "./file-list.ts";
import { KeptTree } from "./kept-tree.ts";

type Files = ReadonlyMap<string, FileStat>;

/** One sender of files, whose list has come whole. */
export interface FileSource {
  readonly files: Files;
  /** Has the content of the files of these numbers sent, each piece told to `take`, an empty one at a file's end. */
  fetch(numbers: readonly number[], take: (number: number, data: Uint8Array) => void): Promise<void>;
}

const KeptList = message("dhow.KeptList", { files: many(1, Stat) });

export class KeptContexts implements KeptDirectories {
  readonly #directory: string;
  readonly #discard: (path: string) => void;
  readonly #users = new Map<string, number>();
  /** The last sync of each tree, so that there is one at a time. */
  readonly #syncs = new Map<string, Promise<unknown>>();

  /** Trees lie in `directory`; `discard` throws one away. */
  constructor(directory: string, discard: (path: string) => void) {
    this.#directory = directory;
    this.#discard = discard;
  }

  /** Brings the tree of `key` (any text) up to date with the source. */
  async receive(key: string, source: FileSource): Promise<ReceivedFiles> {
    const id = new Bun.CryptoHasher("sha256").update(key).digest("hex");
    const before = this.#syncs.get(id) ?? Promise.resolve();
    const own = before.then(
      () => this.#receive(id, source),
      () => this.#receive(id, source),
    );
    this.#syncs.set(id, own);
    try {
      return await own;
    } finally {
      if (this.#syncs.get(id) === own) this.#syncs.delete(id);
    }
  }

  async #receive(id: string, source: FileSource): Promise<ReceivedFiles> {
    const place = join(this.#directory, id);
    const list = this.#readList(place);
    const isUsed = (this.#users.get(id) ?? 0) > 0;
    if (isUsed && list !== null && !isEqual(list, source.files)) return await this.#receiveApart(place, list, source);
    if (list === null) {
      if (existsSync(place)) this.#discard(place);
      mkdirSync(join(place, "files"), { recursive: true, mode: 0o700 });
    }
    const known = list ?? new Map<string, FileStat>();
    if (list === null || !isEqual(known, source.files)) {
      // Without its list a tree counts for nothing: whatever ends this midway, it begins anew.
      if (list !== null) renameSync(join(place, "list"), join(place, "old-list"));
      await this.#sync(place, known, source);
      writeFileSync(join(place, "new-list"), KeptList.encode({ files: [...source.files.values()] }), { mode: 0o600 });
      renameSync(join(place, "new-list"), join(place, "list"));
    }
    const now = new Date();
    utimesSync(join(place, "list"), now, now);
    this.#users.set(id, (this.#users.get(id) ?? 0) + 1);
    return {
      root: join(place, "files"),
      [Symbol.asyncDispose]: async () => {
        const users = (this.#users.get(id) ?? 1) - 1;
        if (users === 0) this.#users.delete(id);
        else this.#users.set(id, users);
      },
    };
  }

  async #receiveApart(place: string, list: Files, source: FileSource): Promise<ReceivedFiles> {
    const own = mkdtempSync(join(this.#directory, "apart-"));
    try {
      mkdirSync(join(own, "files"), { mode: 0o700 });
      const shared = new Map<string, FileStat>();
      const made = new KeptTree(join(own, "files"), own);
      const directories = new Map([...source.files].filter(([, stat]) => kindOfFile(stat) === "directory"));
      made.prepare(new Map(), directories);
      for (const [path, stat] of directories) shared.set(path, stat);
      for (const [path, stat] of source.files) {
        const old = list.get(path);
        if (kindOfFile(stat) !== "file" || old === undefined || !isSameFile(old, stat)) continue;
        linkSync(join(place, "files", path), join(own, "files", path));
        shared.set(path, stat);
      }
      await this.#sync(own, shared, source);
    } catch (error) {
      this.#discard(own);
      throw error;
    }
    return { root: join(own, "files"), [Symbol.asyncDispose]: async () => this.#discard(own) };
  }

  async #sync(place: string, before: Files, source: FileSource): Promise<void> {
    const staging = join(place, "staging");
    if (existsSync(staging)) this.#discard(staging);
    mkdirSync(staging, { mode: 0o700 });
    const tree = new KeptTree(join(place, "files"), staging);
    const paths = [...source.files.keys()];
    tree.remove(before, source.files);
    const wanted = tree.prepare(before, source.files);
    const replaced = new Set(wanted.map((number) => paths[number]!));
    const open = new Map<number, ReturnType<KeptTree["create"]>>();
    try {
      await source.fetch(wanted, (number, data) => {
        const file = open.get(number) ?? tree.create(number);
        open.set(number, file);
        if (data.length > 0) return file.write(data);
        const path = paths[number]!;
        file.finish(path, source.files.get(path)!);
        open.delete(number);
      });
    } finally {
      for (const file of open.values()) file.drop();
      this.#discard(staging);
    }
    tree.link(before, source.files, replaced);
    tree.finish(source.files);
  }

  #readList(place: string): Files | null {
    const path = join(place, "list");
    if (!existsSync(path)) return null;
    try {
      return new Map(KeptList.decode(readFileSync(path)).files.map((stat) => [stat.path, stat]));
    } catch {
      return null;
    }
  }

  async list(): Promise<KeptDirectory[]> {
    if (!existsSync(this.#directory)) return [];
    return readdirSync(this.#directory).flatMap((id) => {
      const place = join(this.#directory, id);
      const files = this.#readList(place);
      if (files === null) return [];
      let size = 0;
      for (const stat of files.values()) if (kindOfFile(stat) === "file") size += stat.size;
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
      if (this.#readList(place) === null) this.#discard(place);
    }
  }
}

function isEqual(a: Files, b: Files): boolean {
  if (a.size !== b.size) return false;
  for (const [path, stat] of a) {
    const other = b.get(path);
    if (other === undefined || !isSameFile(stat, other)) return false;
  }
  return true;
}
