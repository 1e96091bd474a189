/**
 * The writable layers of one driver: `<root>/containers/<key>/`, with what the driver keeps in it. The symbolic link
 * `parent` in it, made last, says what the layer stands on; there means complete. It is a link and not a file because
 * a link's text is written together with its name.
 */
import { existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { conflict, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { isErrno } from "../linux/syscall-error.ts";
import type { LayerStore } from "./layer-store.ts";
import { checkedKey } from "./names.ts";

/** What a writable layer stands on. */
export interface WritableLayer {
  readonly dir: string;
  readonly parent: string | null;
  readonly ephemeral: boolean;
}

export class WritableLayers {
  readonly #root: string;
  readonly #store: LayerStore;

  constructor(store: LayerStore) {
    this.#store = store;
    this.#root = join(store.root, "containers");
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
  }

  has(key: string): boolean {
    try {
      readlinkSync(join(this.#root, checkedKey(key), "parent"));
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  }

  keys(): string[] {
    return readdirSync(this.#root).filter((key) => this.has(key));
  }

  /** Makes the layer's directory, lets `fill` put in what the driver needs, and completes it. */
  create(key: string, parent: string | null, ephemeral: boolean, fill: (dir: string) => void): void {
    const dir = join(this.#root, checkedKey(key));
    try {
      mkdirSync(dir, { mode: 0o700 });
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      if (this.has(key)) throw conflict(`snapshot ${key} already exists`);
      this.#store.trash.take(dir); // half-made by somebody who crashed
      mkdirSync(dir, { mode: 0o700 });
    }
    try {
      if (parent !== null) this.#store.refer(parent, key);
      fill(dir);
      failPoint("snapshots.prepare");
      symlinkSync(`${parent ?? "none"}${ephemeral ? ";ephemeral" : ""}`, join(dir, "parent"));
    } catch (error) {
      this.#store.trash.take(dir);
      if (parent !== null && !isErrno(error, "EEXIST")) this.#store.unrefer(parent, key);
      throw error;
    }
  }

  /** Throws `notFound` for an unknown key. */
  get(key: string): WritableLayer {
    const dir = join(this.#root, checkedKey(key));
    try {
      const [parent = "none", flag] = readlinkSync(join(dir, "parent")).split(";");
      return { dir, parent: parent === "none" ? null : parent, ephemeral: flag === "ephemeral" };
    } catch (error) {
      if (isErrno(error, "ENOENT")) throw notFound(`snapshot ${key} does not exist`);
      throw error;
    }
  }

  remove(key: string): void {
    const dir = join(this.#root, checkedKey(key));
    if (!existsSync(dir)) return;
    const parent = this.has(key) ? this.get(key).parent : null;
    this.#store.trash.take(dir);
    failPoint("snapshots.remove");
    if (parent !== null) this.#store.unrefer(parent, key);
  }

  /** Throws away layers that were never completed. */
  sweep(): void {
    for (const key of readdirSync(this.#root)) if (!this.has(key)) this.#store.trash.take(join(this.#root, key));
  }
}
