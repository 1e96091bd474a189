/** What Docker has no verbs for: a volume's data copied, taken out and put in, and its name changed. */
import type { Readable } from "node:stream";
import type { Volume } from "../api/volumes.ts";
import { runHelper } from "../helper/helper-process.ts";
import type { Operation } from "../lib/operation.ts";
import type { VolumeBook } from "./book.ts";
import type { CloneTreeReport, CloneTreeRequest } from "./clone-tree.ts";
import type { Mounter } from "./mounter.ts";
import { localDriver, now, type VolumeRecord } from "./record.ts";

/** Says of which volume another one is a snapshot. */
export const snapshotLabel = "dhow.snapshot.of";

export interface TransferOptions {
  readonly book: VolumeBook;
  readonly mounter: Mounter;
  /** The tree as a tar archive, its own root first. */
  readonly wired: (record: VolumeRecord) => Volume;
  readonly emit: (action: "create" | "rename", name: string, attributes: Record<string, string>) => void;
  readonly pack: (root: string, op: Operation) => Promise<Readable>;
  /** Puts an archive (plain or compressed) into an empty directory. */
  readonly unpack: (root: string, tar: Readable, op: Operation) => Promise<void>;
}

export class Transfers {
  readonly #options: TransferOptions;
  #count = 0;

  constructor(options: TransferOptions) {
    this.#options = options;
  }

  /** Another name for a local volume that nobody uses. */
  async rename(name: string, to: string, _op: Operation): Promise<void> {
    const { driver } = await this.#options.book.moves.rename(name, to);
    this.#options.emit("rename", to, { driver, oldName: name });
  }

  /**
   * A new local volume with the data that `source` has now. Containers may go on writing to it: each file is as it was at one
   * moment where the file system shares data, else as it was read; different files may be of different moments. The limit of its
   * size is the same.
   */
  async clone(source: string, target: string, options: { snapshot: boolean }, op: Operation): Promise<Volume> {
    const { book } = this.#options;
    const { labels, options: old } = book.get(source);
    const name = target || `${source.slice(0, 200)}-${stamp()}`;
    const record: VolumeRecord = {
      name,
      driver: localDriver,
      labels: options.snapshot ? { ...labels, [snapshotLabel]: source } : labels,
      options: old?.size === undefined ? null : { size: old.size },
      createdAt: now(),
    };
    const made = await this.#reading(source, (from) =>
      book.moves.fill(`clone ${source}`, record, async (to) => {
        const request: CloneTreeRequest = { from, to };
        await runHelper<CloneTreeReport>("clone-tree", request, null, op.signal);
      }),
    );
    return this.#made(made);
  }

  /** The data as a tar archive; the volume stays mounted until the stream has ended. */
  async export(name: string, op: Operation): Promise<Readable> {
    const { book, mounter, pack } = this.#options;
    const record = book.get(name);
    const user = this.#user(record);
    // Before anything else: nobody removes it from here on.
    book.use(name, user);
    const done = () => {
      book.leave(user, [{ type: "volume", name }]);
      mounter.unmountDriver(user, name).catch(() => {});
    };
    try {
      const tar = await pack(await mounter.mountDriver(user, record), op);
      return tar.once("close", done);
    } catch (error) {
      done();
      throw error;
    }
  }

  /** A new local volume with what the archive holds. */
  async import(
    name: string,
    labels: Readonly<Record<string, string>> | null,
    tar: Readable,
    op: Operation,
  ): Promise<Volume> {
    const record: VolumeRecord = { name, driver: localDriver, labels, options: null, createdAt: now() };
    const { book, unpack } = this.#options;
    return this.#made(await book.moves.fill(`import ${name}`, record, (to) => unpack(to, tar, op)));
  }

  #made(record: VolumeRecord): Volume {
    this.#options.emit("create", record.name, { driver: record.driver });
    return this.#options.wired(record);
  }

  /** Nobody removes the volume while it is read. */
  async #reading<T>(name: string, read: (place: string) => Promise<T>): Promise<T> {
    const { book, mounter } = this.#options;
    const record = book.get(name);
    const user = this.#user(record);
    book.use(name, user);
    try {
      return await read(await mounter.mountDriver(user, record));
    } finally {
      book.leave(user, [{ type: "volume", name }]);
      await mounter.unmountDriver(user, name);
    }
  }

  #user = ({ name }: VolumeRecord): string => `transfer-${name}-${this.#count++}`;
}

/** The present second as it may stand in a name. */
const stamp = (): string =>
  new Date()
    .toISOString()
    .replace(/[-:]|\.\d+/g, "")
    .toLowerCase();
