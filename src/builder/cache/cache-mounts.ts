/**
 * The directories behind `RUN --mount=type=cache`, which outlive builds:
 *
 *     <root>/<hash of the id>.<number>   one directory; a second one where the first is taken and the mount is private
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { NamedLocks } from "../../lib/operation-lock.ts";
import { UseCounts } from "../../lib/use-counts.ts";
import { usageOf } from "../../snapshots/usage.ts";
import type { RunMount } from "../dockerfile/plan/plan.ts";

type CacheMount = Extract<RunMount, { readonly type: "cache" }>;

/** A directory in use. */
export interface TakenCache extends Disposable {
  readonly path: string;
}

/** Of directories that are not whole yet. */
const newPrefix = ".new-";

export class CacheMounts {
  readonly #root: string;
  readonly #discard: (path: string) => void;
  readonly #users = new UseCounts();
  readonly #locks = new NamedLocks();

  constructor(root: string, discard: (path: string) => void) {
    this.#root = root;
    this.#discard = discard;
    mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(root)) if (name.startsWith(newPrefix)) discard(join(root, name));
  }

  /**
   * Runs `body` with the directory; one user at a time of a `locked` one. What a cache begins with, `seed` (a digest, "" for
   * nothing), and whose it is tell it from others of its id. `fill` is given an empty one that nobody sees before it is done.
   */
  async with<T>(
    mount: CacheMount,
    seed: string,
    fill: (path: string) => Promise<void>,
    body: (taken: TakenCache) => Promise<T>,
  ): Promise<T> {
    const hash = hashOf(mount, seed);
    const run = async (): Promise<T> => {
      using taken = await this.#take(mount, hash, fill);
      return await body(taken);
    };
    return mount.sharing === "locked" ? await this.#locks.run(hash, run) : await run();
  }

  async #take(mount: CacheMount, hash: string, fill: (path: string) => Promise<void>): Promise<TakenCache> {
    let number = 0;
    while (mount.sharing === "private" && this.#users.has(`${hash}.${number}`)) number++;
    const name = `${hash}.${number}`;
    const path = join(this.#root, name);
    const user = this.#users.take(name);
    try {
      await this.#locks.run(`fill ${name}`, () => this.#make(path, fill));
      utimesSync(path, new Date(), new Date());
      return { path, ...user };
    } catch (error) {
      user[Symbol.dispose]();
      throw error;
    }
  }

  async #make(path: string, fill: (path: string) => Promise<void>): Promise<void> {
    if (existsSync(path)) return;
    const made = mkdtempSync(join(this.#root, newPrefix));
    try {
      await fill(made);
      renameSync(made, path);
    } catch (error) {
      this.#discard(made);
      throw error;
    }
  }

  /** What is kept, by name. */
  async list(): Promise<{ id: string; size: number; inUse: boolean; createdAt: Date; lastUsedAt: Date }[]> {
    const names = readdirSync(this.#root).filter((name) => !name.startsWith(newPrefix));
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

/** A usual cache is known by its id alone. */
function hashOf({ id, source, uid, gid, mode }: CacheMount, seed: string): string {
  const place = seed === "" ? "" : source;
  const rights = source === "/" ? [uid, gid, mode] : [];
  const isUsual = seed === "" && rights.every((one) => one === null);
  return new Bun.CryptoHasher("sha256").update(isUsual ? id : JSON.stringify([id, seed, place, rights])).digest("hex");
}
