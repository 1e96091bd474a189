/**
 * The directories behind `RUN --mount=type=cache`, which outlive builds:
 *
 *     <root>/<hash of the id>.<number>   one directory; a second one where the first is taken and the mount is private
 */
import { mkdirSync, readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { NamedLocks } from "../../lib/operation-lock.ts";
import { usageOf } from "../../snapshots/usage.ts";
import type { RunMount } from "../dockerfile/plan/plan.ts";

type CacheMount = Extract<RunMount, { readonly type: "cache" }>;

/** A directory in use. */
export interface TakenCache extends Disposable {
  readonly path: string;
  /** It has just been made, and is empty. */
  readonly isNew: boolean;
}

const defaultMode = 0o755;

export class CacheMounts {
  readonly #root: string;
  readonly #discard: (path: string) => void;
  readonly #users = new Map<string, number>();
  readonly #locks = new NamedLocks();

  constructor(root: string, discard: (path: string) => void) {
    this.#root = root;
    this.#discard = discard;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /** Runs `body` with the directory; one user at a time of a `locked` one. */
  async with<T>(mount: CacheMount, body: (taken: TakenCache) => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      using taken = this.#take(mount);
      return await body(taken);
    };
    return mount.sharing === "locked" ? await this.#locks.run(this.#hash(mount.id), run) : await run();
  }

  #hash(id: string): string {
    return new Bun.CryptoHasher("sha256").update(id).digest("hex");
  }

  #take(mount: CacheMount): TakenCache {
    const hash = this.#hash(mount.id);
    let number = 0;
    while (mount.sharing === "private" && (this.#users.get(`${hash}.${number}`) ?? 0) > 0) number++;
    const name = `${hash}.${number}`;
    const path = join(this.#root, name);
    const isNew = statSync(path, { throwIfNoEntry: false }) === undefined;
    if (isNew) mkdirSync(path, { mode: defaultMode });
    utimesSync(path, new Date(), new Date());
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    return {
      path,
      isNew,
      [Symbol.dispose]: () => {
        const left = (this.#users.get(name) ?? 1) - 1;
        if (left === 0) this.#users.delete(name);
        else this.#users.set(name, left);
      },
    };
  }

  /** What is kept, by name. */
  async list(): Promise<{ id: string; size: number; inUse: boolean; createdAt: Date; lastUsedAt: Date }[]> {
    const names = readdirSync(this.#root);
    return await Promise.all(
      names.map(async (id) => {
        const path = join(this.#root, id);
        const { birthtime, mtime } = statSync(path);
        return {
          id,
          size: (await usageOf(path)).size,
          inUse: this.#users.has(id),
          createdAt: birthtime,
          lastUsedAt: mtime,
        };
      }),
    );
  }

  /** Throws one away; false when it is in use or gone. */
  remove(id: string): boolean {
    const path = join(this.#root, id);
    if (this.#users.has(id) || statSync(path, { throwIfNoEntry: false }) === undefined) return false;
    this.#discard(path);
    return true;
  }
}
