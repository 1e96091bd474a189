/** Bytes on their way into the content store. */
import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../lib/digest.ts";
import { dataLoss, resourceExhausted } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { startWriteback } from "../linux/file.ts";
import type { ContentStore, Lease, SealedBlob, StoredBlob } from "./content-store.ts";

/** Bytes after which the disk is told to begin, so that the sync at the end finds little to do. */
const writebackWindow = 8 << 20;

/** One blob on its way in. Disposing of it without a commit throws the bytes away, unless they may be resumed. */
export class Ingest implements Disposable {
  readonly #store: ContentStore;
  readonly #path: string;
  readonly #keep: boolean;
  #fd: number;
  #hasher = new Bun.CryptoHasher("sha256");
  #size = 0;
  #written = 0;
  #done = false;

  constructor(store: ContentStore, name: string, keep: boolean) {
    this.#store = store;
    this.#path = join(store.root, "ingest", name);
    this.#keep = keep;
    this.#fd = openSync(this.#path, keep ? "a+" : "wx+", 0o600);
    if (keep) this.#hashWhatIsThere();
  }

  #hashWhatIsThere(): void {
    const chunk = Buffer.allocUnsafe(1 << 20);
    for (let n = readSync(this.#fd, chunk, 0, chunk.length, 0); n > 0; ) {
      this.#hasher.update(chunk.subarray(0, n));
      this.#size += n;
      n = readSync(this.#fd, chunk, 0, chunk.length, this.#size);
    }
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
      this.discard();
      throw resourceExhausted(`write ${this.#path}: no space left on device`, { cause: error });
    }
    this.#hasher.update(bytes);
    this.#size += bytes.length;
    if (this.#size - this.#written < writebackWindow) return;
    startWriteback(this.#fd, this.#written, this.#size - this.#written);
    this.#written = this.#size;
  }

  /** Forgets what was written, to start over. */
  restart(): void {
    ftruncateSync(this.#fd, 0);
    this.#hasher = new Bun.CryptoHasher("sha256");
    this.#size = 0;
    this.#written = 0;
  }

  /** Seals and publishes. */
  async commit(expected: { digest: Digest; size: number } | null, lease?: Lease): Promise<StoredBlob> {
    return await this.#store.adopt(await this.seal(expected), lease);
  }

  /**
   * Verifies and syncs; throws `dataLoss` when the bytes are not what was `expected`, and the kernel's error when they
   * cannot be written. The bytes are gone after either: there is no second try.
   */
  async seal(expected: { digest: Digest; size: number } | null): Promise<SealedBlob> {
    const digest: Digest = `sha256:${this.#hasher.digest("hex")}`;
    if (expected && (expected.digest !== digest || expected.size !== this.#size)) {
      this.discard();
      throw dataLoss(
        expected.digest === digest
          ? `unexpected size: got ${this.#size}, expected ${expected.size} for ${digest}`
          : `filesystem layer verification failed for digest ${expected.digest}`,
      );
    }
    try {
      await this.#store.sync(this.#fd);
    } catch (error) {
      // What could not be written is dropped from memory, so that another sync would say that all is well (fsync(2)).
      this.discard();
      throw error;
    }
    this.#close();
    failPoint("content.blob.synced");
    return { path: this.#path, digest, size: this.#size };
  }

  /** Throws the bytes away, also those that might have been resumed. */
  discard(): void {
    if (this.#done) return;
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #close(): void {
    this.#done = true;
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    if (this.#done) return;
    if (this.#keep && this.#size > 0) this.#close();
    else this.discard();
  }
}
