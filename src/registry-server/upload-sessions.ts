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

/** The hash of the bytes that have passed through this process, so that they need not be read again. */
interface Running {
  readonly hash: Bun.CryptoHasher;
  size: number;
}

export class UploadSessions {
  readonly #blobs: Blobs;
  readonly #storage: Storage;
  readonly #running = new Map<string, Running>();
  /** Sessions that a request writes to. */
  readonly #busy = new Set<string>();

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
    this.#storage = blobs.storage;
  }

  async begin({ name, user }: UploadOwner): Promise<string> {
    const id = randomUUID();
    await this.#storage.write(`${layout.uploadPath(name, id)}/owner`, user);
    failPoint("registry.upload.owned");
    await this.#storage.write(`${layout.uploadPath(name, id)}/startedat`, new Date().toISOString());
    this.#running.set(id, { hash: new Bun.CryptoHasher("sha256"), size: 0 });
    return id;
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
      const running = this.#running.get(id);
      // What another process wrote is hashed at the end.
      if (running && running.size !== before) this.#running.delete(id);
      for await (const bytes of body) {
        if (range.length !== null && file.size - before + bytes.length > range.length) {
          throw new Failure("SIZE_INVALID", { announced: range.length });
        }
        await file.write(bytes);
        failPoint("registry.upload.written");
        const now = this.#running.get(id);
        now?.hash.update(bytes);
        if (now) now.size = file.size;
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
      await this.#blobs.place(digest, size, path);
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
    if (running && running.size === size) return running.hash.copy().digest("hex");
    const hash = new Bun.CryptoHasher("sha256");
    for await (const bytes of bytesOf(this.#storage, path, 0, size)) hash.update(bytes);
    return hash.digest("hex");
  }

  async #drop({ name }: UploadOwner, id: string): Promise<void> {
    this.#running.delete(id);
    await this.#storage.remove(layout.uploadPath(name, id));
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
