/**
 * The bytes of all repositories, each blob once. A client that was told that a blob is there counts on it: such a blob, and its link, is
 * not removed before its grace time is over, and whoever asks while it is being removed is answered afterwards.
 */
import { type Digest, isDigest } from "../lib/digest.ts";
import * as layout from "./layout.ts";
import { bytesOf, type Storage } from "./storage.ts";

export class Blobs {
  readonly storage: Storage;
  /** When a client was last told of a blob, in milliseconds since 1970. */
  readonly #told = new Map<Digest, number>();
  readonly #placements = new Map<Digest, Promise<unknown>>();
  readonly #removals = new Map<string, Promise<void>>();
  /** What was told before that is not known any more. */
  readonly #since = Date.now();

  constructor(storage: Storage) {
    this.storage = storage;
  }

  /**
   * Asks whether something that stands on the blob is there: `look` runs when no removal of `path` or of the blob is under way, and what
   * it finds stays for the grace time.
   */
  async counted<T>(digest: Digest, path: string, look: () => Promise<T | null>): Promise<T | null> {
    const before = this.#told.get(digest);
    // Noted before anything is looked at, so that no removal begins in between.
    this.#told.set(digest, Date.now());
    await this.#removals.get(path);
    await this.#removals.get(layout.blobPath(digest));
    const found = await look();
    // A stranger's questions about nothing are not remembered.
    if (found === null && before === undefined) this.#told.delete(digest);
    return found;
  }

  /** Waits for a removal of what is at `path`, where one is under way. Of what somebody was told of, or has just put, none begins. */
  async settled(path: string): Promise<void> {
    await this.#removals.get(path);
  }

  size(digest: Digest): Promise<number | null> {
    return this.storage.size(layout.blobPath(digest));
  }

  read(digest: Digest): Promise<Buffer | null> {
    return this.storage.read(layout.blobPath(digest));
  }

  /** Bytes `[start, end)` of a blob that is there. */
  bytes(digest: Digest, start: number, end: number): AsyncIterable<Uint8Array> {
    return bytesOf(this.storage, layout.blobPath(digest), start, end);
  }

  /** Gives the bytes at `from`, which were verified, their place, also where others are: those may be spoilt. */
  place(digest: Digest, from: string): Promise<void> {
    return this.#placing(digest, () => this.storage.move(from, layout.blobPath(digest)));
  }

  put(digest: Digest, bytes: Uint8Array): Promise<void> {
    return this.#placing(digest, () => this.storage.write(layout.blobPath(digest), bytes));
  }

  async #placing(digest: Digest, place: () => Promise<void>): Promise<void> {
    await this.#makeRoom(digest);
    const placement = place();
    const all = Promise.allSettled([this.#placements.get(digest), placement]);
    this.#placements.set(digest, all);
    try {
      await placement;
    } finally {
      if (this.#placements.get(digest) === all) this.#placements.delete(digest);
    }
  }

  async #makeRoom(digest: Digest): Promise<void> {
    this.#told.set(digest, Date.now());
    await this.#removals.get(layout.blobPath(digest));
  }

  /** True when nobody was told of the blob at or after `time`. */
  isUntold(digest: Digest, time: number): boolean {
    return (this.#told.get(digest) ?? this.#since) < time;
  }

  /** Removes what is at `path` and stands on the blob, unless somebody was told of it at or after `time`; answers whether it did. */
  async removeUnlessTold(digest: Digest, path: string, time: number, remove: () => Promise<void>): Promise<boolean> {
    if (!this.isUntold(digest, time) || this.#removals.has(path)) return false;
    await this.#removing(path, remove());
    return true;
  }

  /**
   * Takes a blob away, whoever was told of it, if `isSpoilt` still says so when nobody is giving it a place; it is kept for the operator to
   * look at. Answers whether it was.
   */
  async setAside(digest: Digest, isSpoilt: () => Promise<boolean>): Promise<boolean> {
    const path = layout.blobPath(digest);
    await this.#removals.get(path);
    let isTaken = false;
    const take = async (): Promise<void> => {
      await this.#placements.get(digest);
      isTaken = await isSpoilt();
      if (!isTaken) return;
      await this.storage.move(path, layout.spoiltPath(digest));
      await this.storage.remove(layout.blobDirectory(digest));
    };
    await this.#removing(path, take());
    return isTaken;
  }

  /** Who asks for what is at `path`, or puts it, waits until its removal is over. */
  async #removing(path: string, removal: Promise<void>): Promise<void> {
    this.#removals.set(
      path,
      removal.catch(() => {}),
    );
    try {
      await removal;
    } finally {
      this.#removals.delete(path);
    }
  }

  /** Forgets who was told before `time`, which keeps nothing any more. */
  forgetTold(time: number): void {
    for (const [digest, told] of this.#told) if (told < time && this.#since < time) this.#told.delete(digest);
  }

  /** Every blob. */
  async *all(): AsyncGenerator<Digest> {
    for (const part of await this.storage.list(layout.blobsPath)) {
      yield* await digestsIn(this.storage, `${layout.blobsPath}/${part}`);
    }
  }
}

/** The digests whose hex digits are the names of what a directory holds. */
export async function digestsIn(storage: Storage, path: string): Promise<Digest[]> {
  return (await storage.list(path)).map((hex) => `sha256:${hex}` as const).filter(isDigest);
}
