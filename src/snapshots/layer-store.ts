/**
 * The read-only layers of one data root, shared by all drivers.
 *
 *     <root>/layers/<hex>/diff        the layer's files in overlayfs's form
 *     <root>/layers/<hex>/layer.json  what it is; there means complete
 *     <root>/layers/<hex>/refs/NAME   one name of layer.json for each layer or writable layer that stands on it
 *     <root>/layers/<hex>/init        the init layer over this chain, made when first needed
 *     <root>/tmp/<hex>.RANDOM         a layer being unpacked
 *     <root>/locks/<hex>              flock: one unpack of one layer at a time, among all processes
 *     <root>/trash                    thrown away, being deleted
 *
 * `refs` is what makes removal safe without a lock: removing a layer begins with rmdir of it, which fails while
 * anything stands on the layer, and standing on a layer begins with a file in it.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { runHelper } from "../helper/helper-process.ts";
import { conflict, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { AT_FDCWD, unlinkAt } from "../linux/file.ts";
import { lock, tryLock } from "../linux/flock.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { chainHex } from "./names.ts";
import { copyRoot } from "./ownership.ts";
import type { GrowingFile, LayerBody, LayerRequest } from "./snapshotter.ts";
import { Trash } from "./trash.ts";
import type { ApplyLayerRequest } from "./unpack/apply-layer.ts";

/** What `layer.json` holds. */
export interface LayerRecord {
  readonly version: 1;
  readonly chainId: string;
  readonly parent: string | null;
  readonly diffId: string;
  readonly size: number;
}

const isGrowing = (body: LayerBody): body is GrowingFile => typeof body !== "string" && !(body instanceof Readable);

function drop(body: LayerBody): void {
  if (typeof body !== "string" && !isGrowing(body)) body.destroy();
}

/** Ends in a word once `complete` settles, in its error when it fails. */
function wordWhen(complete: Promise<void>): Readable {
  async function* word(): AsyncGenerator<Buffer> {
    await complete;
    yield Buffer.from("complete");
  }
  return Readable.from(word(), { objectMode: false });
}

export class LayerStore {
  readonly root: string;
  readonly trash: Trash;
  readonly #records = new Map<string, LayerRecord>();

  /** Opens (and makes, when absent) the store at `root`. */
  constructor(root: string) {
    this.root = root;
    for (const dir of ["", "layers", "tmp", "locks"]) mkdirSync(join(root, dir), { recursive: true, mode: 0o700 });
    this.trash = new Trash(join(root, "trash"));
  }

  #dir(chainId: string): string {
    return join(this.root, "layers", chainHex(chainId));
  }

  has(chainId: string): boolean {
    return existsSync(join(this.#dir(chainId), "layer.json"));
  }

  /** Throws `notFound` when the layer does not exist. */
  record(chainId: string): LayerRecord {
    const known = this.#records.get(chainId);
    if (known) return known;
    try {
      const record = JSON.parse(readFileSync(join(this.#dir(chainId), "layer.json"), "utf8")) as LayerRecord;
      this.#records.set(chainId, record);
      return record;
    } catch (error) {
      if (isErrno(error, "ENOENT")) throw notFound(`layer ${chainId} does not exist`);
      throw error;
    }
  }

  list(): string[] {
    return readdirSync(join(this.root, "layers"))
      .map((hex) => `sha256:${hex}`)
      .filter((chainId) => /^sha256:[0-9a-f]{64}$/.test(chainId) && this.has(chainId));
  }

  /** The `diff` directories of a chain, topmost first; none for `null`. */
  diffs(chainId: string | null): string[] {
    const dirs: string[] = [];
    for (let at = chainId; at !== null; at = this.record(at).parent) dirs.push(join(this.#dir(at), "diff"));
    return dirs;
  }

  /** Where the init layer over `chainId` is (or will be). */
  initDir(chainId: string | null): string {
    return chainId === null ? join(this.root, "init") : join(this.#dir(chainId), "init");
  }

  /** A new directory for something to be made in and renamed from. */
  temporary(prefix: string): string {
    const dir = join(this.root, "tmp", `${prefix}.${randomBytes(6).toString("hex")}`);
    mkdirSync(dir, { mode: 0o700 });
    return dir;
  }

  /** Says that `user` stands on the layer; throws `notFound` when it does not exist. */
  refer(chainId: string, user: string): void {
    const dir = this.#dir(chainId);
    try {
      // A second name of a file that is there already: no inode has to be made.
      linkSync(join(dir, "layer.json"), join(dir, "refs", user));
    } catch (error) {
      if (isErrno(error, "ENOENT")) throw notFound(`layer ${chainId} does not exist`);
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }

  unrefer(chainId: string, user: string): void {
    try {
      unlinkAt(AT_FDCWD, join(this.#dir(chainId), "refs", user));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  async apply(request: LayerRequest, body: LayerBody, op: Operation): Promise<{ size: number }> {
    const hex = chainHex(request.chainId);
    using _held = await lock(join(this.root, "locks", hex), op.signal);
    if (this.has(request.chainId)) {
      drop(body);
      return { size: this.record(request.chainId).size };
    }
    if (request.parent !== null) this.refer(request.parent, hex);
    let dir: string | null = null;
    try {
      dir = this.temporary(hex);
      const parents = this.diffs(request.parent);
      this.#makeDiff(dir, parents[0] ?? null);
      const { chainId, parent, diffId } = request;
      const applied = await runHelper<{ size: number }>(
        "apply-layer",
        {
          dir,
          parents,
          record: { version: 1, chainId, parent, diffId },
          body: typeof body === "string" ? body : null,
          grows: isGrowing(body),
          budget: request.budget ?? {},
        } satisfies ApplyLayerRequest,
        typeof body === "string" ? null : isGrowing(body) ? wordWhen(body.complete) : body,
        op.signal,
        isGrowing(body) ? { fd: body.fd } : {},
      );
      this.#publish(dir, request.chainId);
      return { size: applied.size };
    } catch (error) {
      drop(body);
      try {
        if (dir !== null) this.trash.take(dir);
      } finally {
        if (request.parent !== null) this.unrefer(request.parent, hex);
      }
      throw error;
    }
  }

  /** The layer's root has the mode and owner of the root below it until the archive says otherwise. */
  #makeDiff(dir: string, below: string | null): void {
    const diff = join(dir, "diff");
    mkdirSync(diff, { mode: 0o755 });
    copyRoot(below, diff);
    mkdirSync(join(dir, "refs"), { mode: 0o700 });
  }

  #publish(dir: string, chainId: string): void {
    failPoint("snapshots.layer.publish");
    const target = this.#dir(chainId);
    this.trash.take(target); // a directory without layer.json: what a removal left that crashed
    renameSync(dir, target);
    const layers = openSync(join(this.root, "layers"), "r");
    fsyncSync(layers);
    closeSync(layers);
  }

  /** Removes a layer; throws `conflict` while something stands on it. */
  remove(chainId: string): void {
    const dir = this.#dir(chainId);
    if (!existsSync(dir)) return;
    const parent = this.has(chainId) ? this.record(chainId).parent : null;
    try {
      rmdirSync(join(dir, "refs"));
    } catch (error) {
      if (isErrno(error, "ENOTEMPTY", "EEXIST")) throw conflict(`layer ${chainId} is in use`);
      if (!isErrno(error, "ENOENT")) throw error;
    }
    failPoint("snapshots.layer.remove");
    this.#records.delete(chainId);
    this.trash.take(dir);
    if (parent !== null) this.unrefer(parent, chainHex(chainId));
  }

  /**
   * Deletes what crashes left: unfinished unpacks that nobody holds the lock of, layers whose removal had begun,
   * references of users that `isUser` does not know, and the trash.
   */
  async sweep(isUser: (name: string) => boolean): Promise<void> {
    for (const name of readdirSync(join(this.root, "tmp"))) {
      const hex = name.split(".")[0] ?? "";
      using held = /^[0-9a-f]{64}$/.test(hex) ? tryLock(join(this.root, "locks", hex)) : null;
      if (held || !/^[0-9a-f]{64}$/.test(hex)) this.trash.take(join(this.root, "tmp", name));
    }
    const layers = join(this.root, "layers");
    for (const hex of readdirSync(layers)) {
      const refs = join(layers, hex, "refs");
      if (!existsSync(refs) || !existsSync(join(layers, hex, "layer.json"))) {
        this.trash.take(join(layers, hex));
      }
    }
    // References only now: a layer may be listed before the child that has just gone.
    for (const hex of readdirSync(layers)) {
      for (const user of readdirSync(join(layers, hex, "refs"))) {
        const alive = existsSync(join(layers, user, "layer.json")) || isUser(user);
        if (!alive) this.unrefer(`sha256:${hex}`, user);
      }
    }
    await this.trash.empty();
  }
}
