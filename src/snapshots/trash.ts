/**
 * Deleting in two steps: a rename takes a tree out of sight at once and for good, its files go later. What is small is
 * deleted here a moment later, when whoever threw it away has had its answer; what is not by a helper, so that the daemon
 * never waits for a disk.
 */
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { answer, runHelper } from "../helper/helper-process.ts";
import { isKind } from "../lib/errors.ts";
import { AT_FDCWD, close, O_DIRECTORY, openAt, tryOpenAt } from "../linux/file.ts";
import { raiseFileLimit } from "../linux/rlimit.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { isSmallTree, removeTree } from "./unpack/remove-tree.ts";

/** What is deleted in this process: a millisecond or two. (3 GB in one file take ext4 half a second.) */
const smallTree = { entries: 200, bytes: 16 << 20 };

/** How long what was thrown away lies there at least. */
const restMs = 20;

/** How long after a refusal (no descriptors, no memory) it is tried again; doubled up to the longest. */
const firstRetryMs = 500;
const longestRetryMs = 60_000;

/** Small trees deleted in one turn of the event loop. */
const atOnce = 4;

export class Trash {
  readonly dir: string;
  #emptying: Promise<void> | null = null;
  #again = false;
  #next = 0;
  /** Names that nobody has looked into yet. */
  readonly #fresh = new Set<string>();
  #timer: Timer | null = null;
  #retryMs = firstRetryMs;

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Throws `path` away; answers false when there is nothing of that name. */
  take(path: string): boolean {
    const name = `${Date.now().toString(36)}-${process.pid}-${this.#next++}`;
    try {
      renameSync(path, join(this.dir, name));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
    this.#fresh.add(name);
    this.#timer ??= setTimeout(() => this.#deleteFresh(), restMs);
    return true;
  }

  /** Deletes a few and lets others have their turn: a thousand containers may go at once. */
  #deleteFresh(): void {
    this.#timer = null;
    const fd = tryOpenAt(AT_FDCWD, this.dir, O_DIRECTORY);
    if (fd < 0) {
      this.#retry();
      return;
    }
    try {
      for (const name of [...this.#fresh].slice(0, atOnce)) {
        this.#fresh.delete(name);
        if (isSmallTree(fd, name, smallTree)) removeTree(fd, name);
        else this.#emptySoon();
      }
    } catch {
      this.#emptySoon(); // something is mounted in it, or a helper was faster: the next sweep goes through all of it
    } finally {
      close(fd);
    }
    if (this.#fresh.size > 0) this.#timer ??= setTimeout(() => this.#deleteFresh(), 1);
  }

  #emptySoon(): void {
    this.empty().catch(() => {}); // what is left is found by the sweep of the next start
  }

  #retry(): void {
    setTimeout(() => this.#emptySoon(), this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
  }

  /** Deletes all there is, in a helper; resolves when the trash was empty once. */
  empty(): Promise<void> {
    if (this.#emptying) {
      this.#again = true;
      return this.#emptying;
    }
    this.#emptying = this.#empty().finally(() => {
      this.#emptying = null;
    });
    return this.#emptying;
  }

  async #empty(): Promise<void> {
    do {
      this.#again = false;
      this.#fresh.clear(); // one deletes a tree, never two
      try {
        if (readdirSync(this.dir).length > 0) await runHelper("empty-trash", { dir: this.dir }, null);
        this.#retryMs = firstRetryMs;
      } catch {
        this.#retry();
      }
    } while (this.#again);
  }
}

/** The helper's side. */
export async function emptyTrashMain(args: string[]): Promise<void> {
  await answer<{ dir: string }, null>(args, async ({ dir }) => {
    raiseFileLimit();
    const fd = openAt(AT_FDCWD, dir, O_DIRECTORY);
    for (const name of readdirSync(dir)) {
      try {
        removeTree(fd, name);
      } catch (error) {
        if (!isKind(error, "conflict")) throw error; // something is mounted there: the rest goes nevertheless
      }
    }
    return null;
  });
}
