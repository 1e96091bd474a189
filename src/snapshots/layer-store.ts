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
import { conflict, dataLoss, isKind, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { AT_FDCWD, RENAME_EXCHANGE, renameAt, unlinkAt } from "../linux/file.ts";
import { lock } from "../linux/flock.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { chainHex } from "./names.ts";
import { copyRoot } from "./ownership.ts";
import type { LayerBody, LayerRequest } from "./snapshotter.ts";
import { strayReferences, strayUnpacks } from "./strays.ts";
import { Trash } from "./trash.ts";
import { dropBody, unpackLayer } from "./unpack-layer.ts";

/** What `layer.json` holds. */
export interface LayerRecord {
  readonly version: 1;
  readonly chainId: string;
  readonly parent: string | null;
  readonly diffId: string;
  readonly size: number;
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  fsyncSync(fd);
  closeSync(fd);
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

  /** Throws `notFound` when the layer does not exist, `dataLoss` when what is there cannot be read. */
  record(chainId: string): LayerRecord {
    const known = this.#records.get(chainId);
    if (known) return known;
    const record = this.readRecord(chainId);
    this.#records.set(chainId, record);
    return record;
  }

  /** As {@link record}, from the disk in any case. */
  readRecord(chainId: string): LayerRecord {
    try {
      const record = JSON.parse(readFileSync(join(this.#dir(chainId), "layer.json"), "utf8")) as LayerRecord | null;
      if (typeof record !== "object" || record === null) throw new SyntaxError("no object");
      return record;
    } catch (error) {
      if (isErrno(error, "ENOENT")) throw notFound(`layer ${chainId} does not exist`);
      if (error instanceof SyntaxError)
        throw dataLoss(`the record of layer ${chainId} is unreadable`, { cause: error });
      throw error;
    }
  }

  /** Bytes of the layer's files; 0 where its record cannot be read, which must not hide the others' sizes. */
  size(chainId: string): number {
    try {
      return this.record(chainId).size;
    } catch (error) {
      if (isKind(error, "dataLoss")) return 0;
      throw error;
    }
  }

  list(): string[] {
    return readdirSync(join(this.root, "layers"))
      .map((hex) => `sha256:${hex}`)
      .filter((chainId) => /^sha256:[0-9a-f]{64}$/.test(chainId) && this.has(chainId));
  }

  /** The directory of the layer's files, whether or not it exists. */
  diff(chainId: string): string {
    return join(this.#dir(chainId), "diff");
  }

  /** True when the layer says that it stands on `parent` itself. */
  isChild(chainId: string, parent: string): boolean {
    try {
      return this.record(chainId).parent === parent;
    } catch {
      return false;
    }
  }

  /** True when the chain whose topmost layer is `top` holds the layer, or when a record on the way cannot be read. */
  isPartOf(chainId: string, top: string | null): boolean {
    try {
      for (let at = top; at !== null; at = this.record(at).parent) if (at === chainId) return true;
      return false;
    } catch {
      return true;
    }
  }

  /** The `diff` directories of a chain, topmost first; none for `null`. */
  diffs(chainId: string | null): string[] {
    const dirs: string[] = [];
    for (let at = chainId; at !== null; at = this.record(at).parent) dirs.push(this.diff(at));
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
      dropBody(body);
      return { size: this.record(request.chainId).size };
    }
    if (request.parent !== null) this.refer(request.parent, hex);
    try {
      const { dir, size } = await this.#unpack(request, body, op);
      try {
        this.publish(dir, request.chainId);
        this.syncPlaces();
      } catch (error) {
        this.trash.take(dir);
        throw error;
      }
      return { size };
    } catch (error) {
      if (request.parent !== null) this.unrefer(request.parent, hex);
      throw error;
    }
  }

  /** Makes a layer of the files that lie, on the disk and with their `layer.json`, in another directory of this store. */
  async adopt(from: string, chainId: string, parent: string | null, op: Operation): Promise<void> {
    const hex = chainHex(chainId);
    using _held = await lock(join(this.root, "locks", hex), op.signal);
    if (this.has(chainId)) return;
    if (parent !== null) this.refer(parent, hex);
    let dir: string | null = null;
    try {
      // No archive bears the root itself: it stays what it is below, here as elsewhere.
      copyRoot(this.diffs(parent)[0] ?? null, join(from, "diff"));
      dir = this.temporary(hex);
      mkdirSync(join(dir, "refs"), { mode: 0o700 });
      renameSync(join(from, "diff"), join(dir, "diff"));
      failPoint("snapshots.layer.adopted");
      renameSync(join(from, "layer.json"), join(dir, "layer.json"));
      syncDirectory(dir);
      this.publish(dir, chainId);
      this.syncPlaces();
    } catch (error) {
      if (dir !== null) this.trash.take(dir);
      if (parent !== null) this.unrefer(parent, hex);
      throw error;
    }
  }

  /**
   * Unpacks a layer that is there anew, and puts its files and its record in the place of what was there; who stands on it goes on
   * doing so. `checkFree` throws when somebody uses its files: nothing else of this process runs between that and the exchange.
   * `users` are the names that stand on it.
   */
  async replace(
    request: LayerRequest,
    body: LayerBody,
    { checkFree, users }: { readonly checkFree: () => void; readonly users: () => readonly string[] },
    op: Operation,
  ): Promise<void> {
    const hex = chainHex(request.chainId);
    using _held = await lock(join(this.root, "locks", hex), op.signal);
    const { dir: fresh } = await this.#unpack(request, body, op);
    try {
      checkFree();
      failPoint("snapshots.layer.replace");
      const dir = this.#dir(request.chainId);
      mkdirSync(join(dir, "refs"), { recursive: true, mode: 0o700 });
      const [from, to] = [join(fresh, "diff"), join(dir, "diff")];
      renameAt(AT_FDCWD, from, AT_FDCWD, to, existsSync(to) ? RENAME_EXCHANGE : 0);
      failPoint("snapshots.layer.exchanged");
      renameSync(join(fresh, "layer.json"), join(dir, "layer.json"));
      this.#records.delete(request.chainId);
      for (const user of users()) this.refer(request.chainId, user);
      if (request.parent !== null) this.refer(request.parent, hex);
      syncDirectory(dir);
      this.syncPlaces();
    } finally {
      this.trash.take(fresh);
    }
  }

  /** Unpacks into a new directory of `tmp`; nothing is left of it on failure. */
  async #unpack(request: LayerRequest, body: LayerBody, op: Operation): Promise<{ dir: string; size: number }> {
    let dir: string | null = null;
    try {
      dir = this.temporary(chainHex(request.chainId));
      const size = await unpackLayer({ dir, parents: this.diffs(request.parent), request, body }, op);
      return { dir, size };
    } catch (error) {
      dropBody(body);
      if (dir !== null) this.trash.take(dir);
      throw error;
    }
  }

  /** Renames a layer that is whole and on disk to its place, where it stays once {@link syncPlaces} has returned. */
  publish(dir: string, chainId: string): void {
    failPoint("snapshots.layer.publish");
    const target = this.#dir(chainId);
    this.trash.take(target); // a directory without layer.json: what a removal left that crashed
    renameSync(dir, target);
  }

  syncPlaces(): void {
    syncDirectory(join(this.root, "layers"));
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

  /** Deletes what crashes left, `isUser` telling which names of `refs` still mean somebody; and empties the trash. */
  async sweep(isUser: (name: string) => boolean): Promise<void> {
    const layers = join(this.root, "layers");
    for (const name of readdirSync(join(this.root, "tmp"))) {
      // Without a chain id it is an init layer, which is made in one go: nobody is at it.
      if (!/^[0-9a-f]{64}\./.test(name)) this.trash.take(join(this.root, "tmp", name));
    }
    strayUnpacks(this, { remove: true });
    for (const hex of readdirSync(layers)) {
      const refs = join(layers, hex, "refs");
      if (!existsSync(refs) || !existsSync(join(layers, hex, "layer.json"))) this.trash.take(join(layers, hex));
    }
    // References only now: a layer may be listed before the child that has just gone.
    strayReferences(this, isUser, { remove: true });
    await this.trash.empty();
  }
}
