/** Blobs on their way in: sessions that outlive their connections and this process. */
import { randomUUID } from "node:crypto";
import { type Digest, hexOf } from "../lib/digest.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Blobs } from "./blobs.ts";
import { Failure } from "./failure.ts";
import type { RepositoryName } from "./layout.ts";
import * as layout from "./layout.ts";
import { bytesOf, type Storage } from "./storage.ts";

/** Who uploads, and where to. A session is somebody's, in one repository. */
export interface UploadOwner {
  readonly name: RepositoryName;
  readonly user: string;
}

/** What one user may have under way at once. */
export interface UploadLimits {
  readonly sessions: number;
  readonly bytes: number;
}

/** A session that nobody went on with for so long may be given up for a new one of its user. */
const idleMs = 3600_000;

/** What this process knows of a session: those that another one began count from when they are gone on with. */
interface Running {
  readonly owner: UploadOwner;
  /** Of the bytes so far, so that they need not be read again; null where some of them came by another process. */
  hash: Bun.CryptoHasher | null;
  size: number;
  /** In milliseconds since 1970. */
  touched: number;
}

export class UploadSessions {
  readonly #blobs: Blobs;
  readonly #storage: Storage;
  readonly #limits: UploadLimits;
  readonly #running = new Map<string, Running>();
  /** Bytes of each user's running sessions. */
  readonly #bytes = new Map<string, number>();
  /** Sessions that a request writes to. */
  readonly #busy = new Set<string>();

  constructor(blobs: Blobs, limits: UploadLimits) {
    this.#blobs = blobs;
    this.#storage = blobs.storage;
    this.#limits = limits;
  }

  /** Throws `TOOMANYREQUESTS` for a user with too many that are in use. */
  async begin(owner: UploadOwner): Promise<string> {
    const { name, user } = owner;
    const id = randomUUID();
    const own = [...this.#running].filter(([, running]) => running.owner.user === user);
    this.#running.set(id, { owner, hash: new Bun.CryptoHasher("sha256"), size: 0, touched: Date.now() });
    try {
      if (own.length >= this.#limits.sessions) await this.#giveUpIdle(own);
      await this.#storage.write(`${layout.uploadPath(name, id)}/owner`, user);
      failPoint("registry.upload.owned");
      await this.#storage.write(`${layout.uploadPath(name, id)}/startedat`, new Date().toISOString());
    } catch (error) {
      this.#forget(id);
      throw error;
    }
    return id;
  }

  async #giveUpIdle(sessions: readonly [id: string, Running][]): Promise<void> {
    const unused = sessions.filter(([id]) => !this.#busy.has(id));
    const [oldest] = unused.sort(([, a], [, b]) => a.touched - b.touched);
    const limit = this.#limits.sessions;
    if (!oldest || Date.now() - oldest[1].touched < idleMs) throw new Failure("TOOMANYREQUESTS", { uploads: limit });
    await this.#drop(oldest[1].owner, oldest[0]);
  }

  /** Bytes that have arrived. Throws `BLOB_UPLOAD_UNKNOWN` for a session that is not the owner's. */
  async size(owner: UploadOwner, id: string): Promise<number> {
    await this.#check(owner, id);
    await using file = await this.#storage.append(dataOf(owner, id));
    return file.size;
  }

  /**
   * Takes more bytes, which begin at `from` (null: wherever it ends) and are `length` (null: as many as come); answers the new size.
   * What arrived before the connection broke stays.
   */
  async append(
    owner: UploadOwner,
    id: string,
    body: AsyncIterable<Uint8Array>,
    range: { from: number | null; length: number | null },
  ): Promise<number> {
    return this.#alone(owner, id, async () => {
      await using file = await this.#storage.append(dataOf(owner, id));
      if (range.from !== null && range.from !== file.size) {
        throw new Failure("RANGE_INVALID", { expected: file.size, got: range.from });
      }
      const before = file.size;
      const running = this.#goOn(owner, id, before);
      for await (const bytes of body) {
        if (range.length !== null && file.size - before + bytes.length > range.length)
          throw new Failure("BLOB_UPLOAD_INVALID", { announced: range.length });
        this.#count(owner, bytes.length);
        running.size += bytes.length;
        await file.write(bytes);
        failPoint("registry.upload.written");
        running.hash?.update(bytes);
        running.touched = Date.now();
      }
      if (range.length !== null && file.size - before !== range.length) {
        throw new Failure("BLOB_UPLOAD_INVALID", { announced: range.length, arrived: file.size - before });
      }
      return file.size;
    });
  }

  /** Closes a session whose bytes are `digest`, and gives them their place; bytes that are others end with it. */
  async finish(owner: UploadOwner, id: string, digest: Digest): Promise<number> {
    return this.#alone(owner, id, async () => {
      const path = dataOf(owner, id);
      await using file = await this.#storage.append(path);
      const { size } = file;
      await file.seal();
      failPoint("registry.upload.sealed");
      if ((await this.#hashOf(id, path, size)) !== hexOf(digest)) {
        await this.#drop(owner, id);
        throw new Failure("DIGEST_INVALID", { digest });
      }
      await this.#blobs.place(digest, path);
      failPoint("registry.upload.placed");
      await this.#drop(owner, id);
      failPoint("registry.upload.dropped");
      return size;
    });
  }

  async cancel(owner: UploadOwner, id: string): Promise<void> {
    await this.#alone(owner, id, () => this.#drop(owner, id));
  }

  async #hashOf(id: string, path: string, size: number): Promise<string> {
    const running = this.#running.get(id);
    if (running?.hash && running.size === size) return running.hash.copy().digest("hex");
    const hash = new Bun.CryptoHasher("sha256");
    for await (const bytes of bytesOf(this.#storage, path, 0, size)) hash.update(bytes);
    return hash.digest("hex");
  }

  async #drop({ name }: UploadOwner, id: string): Promise<void> {
    this.#forget(id);
    await this.#storage.remove(layout.uploadPath(name, id));
  }

  /** What is known of a session that has `size` bytes. */
  #goOn(owner: UploadOwner, id: string, size: number): Running {
    const known = this.#running.get(id);
    if (known?.size === size) return known;
    // What another process wrote, or what failed here, is hashed at the end.
    this.#forget(id);
    const running = { owner, hash: size === 0 ? new Bun.CryptoHasher("sha256") : null, size, touched: Date.now() };
    this.#running.set(id, running);
    this.#bytes.set(owner.user, (this.#bytes.get(owner.user) ?? 0) + size);
    return running;
  }

  /** Notes bytes that have arrived. Throws `TOOMANYREQUESTS` where they are more than the user may have under way. */
  #count({ user }: UploadOwner, bytes: number): void {
    const total = (this.#bytes.get(user) ?? 0) + bytes;
    if (total > this.#limits.bytes) throw new Failure("TOOMANYREQUESTS", { bytes: this.#limits.bytes });
    this.#bytes.set(user, total);
  }

  #forget(id: string): void {
    const running = this.#running.get(id);
    this.#running.delete(id);
    if (!running) return;
    const left = (this.#bytes.get(running.owner.user) ?? 0) - running.size;
    if (left > 0) this.#bytes.set(running.owner.user, left);
    else this.#bytes.delete(running.owner.user);
  }

  /** One request at a time writes to a session. */
  async #alone<T>(owner: UploadOwner, id: string, work: () => Promise<T>): Promise<T> {
    await this.#check(owner, id);
    if (this.#busy.has(id)) throw new Failure("BLOB_UPLOAD_INVALID", "another request writes to this upload");
    this.#busy.add(id);
    try {
      return await work();
    } finally {
      this.#busy.delete(id);
    }
  }

  async #check({ name, user }: UploadOwner, id: string): Promise<void> {
    const owner = layout.isUploadId(id) ? await this.#storage.read(`${layout.uploadPath(name, id)}/owner`) : null;
    if (owner?.toString("utf8") !== user) throw new Failure("BLOB_UPLOAD_UNKNOWN", { upload: id });
  }
}

const dataOf = ({ name }: UploadOwner, id: string): string => `${layout.uploadPath(name, id)}/data`;
