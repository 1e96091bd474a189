/**
 * Blobs by digest. A blob's file is its whole truth: there means verified and on disk.
 *
 *     <root>/blobs/sha256/<hex>   the bytes
 *     <root>/ingest/<name>        bytes on their way in; a named one survives, so that a download goes on where it broke
 *     <root>/locks/<xxx>          flock: one process fetches a blob at a time; one file for all digests that begin so,
 *                                 so that locks do not pile up
 *
 * A lease keeps blobs that no record names yet from being deleted.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fdatasync,
  fsync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Digest, hexOf, isDigest, parseDigest } from "../lib/digest.ts";
import { dataLoss, internal, notFound, tooLarge } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { type FileLock, lock, tryLock } from "../linux/flock.ts";
import { Ingest } from "./ingest.ts";

/** What arrived. */
export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
}

/** A blob that is whole and on disk but has no place in the store yet: what a helper hands to the daemon. */
export interface SealedBlob extends StoredBlob {
  readonly path: string;
}

/** Keeps digests from deletion until it is disposed of. */
export interface Lease extends Disposable {
  add(digest: Digest): void;
  /** What it keeps. */
  readonly digests: ReadonlySet<Digest>;
}

export class ContentStore {
  readonly root: string;
  readonly #leases = new Set<Set<Digest>>();
  /** What the names of ingests begin with that this process or a helper of it writes now. */
  readonly #sessions = new Set<string>();

  /** How bytes are brought to the disk; a test may say otherwise. */
  readonly sync: (fd: number) => Promise<void>;

  /** Opens (and makes, when absent) the store at `root`. */
  constructor(root: string, sync: (fd: number) => Promise<void> = promisify(fdatasync)) {
    this.root = root;
    this.sync = sync;
    for (const dir of ["blobs/sha256", "ingest", "locks"]) {
      mkdirSync(join(root, dir), { recursive: true, mode: 0o700 });
    }
  }

  /** The file of a blob, whether or not it exists. */
  path(digest: Digest): string {
    return join(this.root, "blobs/sha256", hexOf(parseDigest(digest)));
  }

  has(digest: Digest): boolean {
    return existsSync(this.path(digest));
  }

  /** Bytes of a blob, or null when it is not here. */
  size(digest: Digest): number | null {
    return statSync(this.path(digest), { throwIfNoEntry: false })?.size ?? null;
  }

  /** Reads a small blob whole and verifies it; `notFound`, `tooLarge` above `limit` bytes, `dataLoss` when spoilt. */
  read(digest: Digest, limit: number): Buffer {
    const size = this.size(digest);
    if (size === null) throw notFound(`content ${digest} not found`);
    if (size > limit) throw tooLarge(`content ${digest} is larger than ${limit} bytes`);
    const bytes = readFileSync(this.path(digest));
    if (new Bun.CryptoHasher("sha256").update(bytes).digest("hex") !== hexOf(digest)) {
      throw dataLoss(`content ${digest} is corrupt on disk`);
    }
    return bytes;
  }

  /** Stores bytes held in memory. */
  async put(bytes: Uint8Array, lease?: Lease): Promise<StoredBlob> {
    const session = this.session();
    try {
      using ingest = this.ingest(session);
      ingest.write(bytes);
      return await ingest.commit(null, lease);
    } finally {
      this.#sessions.delete(session);
    }
  }

  /** Gives a sealed blob its place. */
  async adopt({ path, digest, size }: SealedBlob, lease?: Lease): Promise<StoredBlob> {
    if (dirname(path) !== join(this.root, "ingest")) throw internal(`${basename(path)} is no ingest of this store`);
    lease?.add(digest);
    renameSync(path, this.path(digest));
    const dir = openSync(join(this.root, "blobs/sha256"), "r");
    await promisify(fsync)(dir).finally(() => closeSync(dir));
    failPoint("content.blob.renamed");
    return { digest, size };
  }

  /** The file in which {@link resume} gathers a blob. */
  partialPath(digest: Digest): string {
    return join(this.root, "ingest", `resume-${hexOf(digest)}`);
  }

  /** Throws away what a broken download left to be resumed, unless somebody goes on with it. */
  dropPartial(digest: Digest): void {
    using held = tryLock(this.#lockPath(hexOf(digest)));
    if (held) rmSync(this.partialPath(digest), { force: true });
  }

  /** Starts a blob. */
  ingest(session = ""): Ingest {
    return new Ingest(this, session + randomBytes(12).toString("hex"), false);
  }

  /** Starts a blob or goes on with it: what an earlier try for that digest left is kept and counted in `size`. */
  resume(digest: Digest): Ingest {
    return new Ingest(this, `resume-${hexOf(digest)}`, true);
  }

  /** A new file of a session's, for somebody else to write and sync a blob; to be {@link adopt}ed. Its descriptor is the caller's to close. */
  openIngest(session: string): { readonly path: string; readonly fd: number } {
    const path = join(this.root, "ingest", session + randomBytes(12).toString("hex"));
    return { path, fd: openSync(path, "wx", 0o600) };
  }

  /** A name that a helper's ingests begin with, so that they can be thrown away when it dies. */
  session(): string {
    const session = `${randomBytes(12).toString("hex")}.`;
    this.#sessions.add(session);
    return session;
  }

  /** Throws away what a helper of this session left. */
  dropSession(session: string): void {
    this.#sessions.delete(session);
    const dir = join(this.root, "ingest");
    for (const name of readdirSync(dir)) if (name.startsWith(session)) rmSync(join(dir, name), { force: true });
  }

  /** The right to fetch `digest`; waits for whoever has it. */
  fetching(digest: Digest, signal?: AbortSignal): Promise<FileLock> {
    return lock(this.#lockPath(hexOf(digest)), signal);
  }

  #lockPath(hex: string): string {
    return join(this.root, "locks", hex.slice(0, 3));
  }

  /** A new lease, empty. */
  lease(): Lease {
    const held = new Set<Digest>();
    this.#leases.add(held);
    return { add: (digest) => held.add(digest), digests: held, [Symbol.dispose]: () => this.#leases.delete(held) };
  }

  /** All blobs. */
  *walk(): Generator<Digest> {
    for (const hex of readdirSync(join(this.root, "blobs/sha256"))) {
      const digest = `sha256:${hex}`;
      if (isDigest(digest)) yield digest;
    }
  }

  isLeased(digest: Digest): boolean {
    for (const held of this.#leases) if (held.has(digest)) return true;
    return false;
  }

  /** Deletes a blob unless it is leased; answers the bytes that came free. */
  delete(digest: Digest): number {
    if (this.isLeased(digest)) return 0;
    const size = this.size(digest) ?? 0;
    rmSync(this.path(digest), { force: true });
    return size;
  }

  /** Deletes what crashes left: ingests that nobody writes, and blobs that `isUsed` does not know. */
  sweep(isUsed: (digest: Digest) => boolean): void {
    this.strays({ remove: true });
    for (const digest of this.walk()) if (!isUsed(digest)) this.delete(digest);
  }

  /** Files, from the store's root on, that are no blob and that nobody writes; with `remove` they are deleted. */
  strays({ remove }: { readonly remove: boolean }): string[] {
    const strays: string[] = [];
    const found = (path: string): void => {
      strays.push(path);
      if (remove) rmSync(join(this.root, path), { recursive: true, force: true });
    };
    for (const name of readdirSync(join(this.root, "ingest"))) {
      if ([...this.#sessions].some((session) => name.startsWith(session))) continue;
      const hex = name.startsWith("resume-") ? name.slice("resume-".length) : null;
      using held = hex === null ? null : tryLock(this.#lockPath(hex));
      if (hex === null || held) found(join("ingest", name));
    }
    for (const name of readdirSync(join(this.root, "blobs/sha256"))) {
      if (!isDigest(`sha256:${name}`)) found(join("blobs/sha256", name));
    }
    return strays;
  }
}
