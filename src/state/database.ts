import { Database as Sqlite } from "bun:sqlite";
import { existsSync, renameSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";

/**
 * A transaction in progress, handed down to everything that writes in it. It exists so that a write outside a
 * transaction does not type-check; nothing else can be made of it.
 */
export interface Tx {
  readonly db: Database;
}

/**
 * How surely a commit outlasts a power cut: `full` waits for the disk (about 0.8 ms), `normal` survives the death of
 * the process only (about 0.06 ms).
 */
export type Durability = "full" | "normal";

const retryMs = 1000;

/** The engine's one SQLite file, in WAL mode. Transactions are synchronous and never nest. */
export class Database implements Disposable {
  readonly sql: Sqlite;
  #inside = false;
  /** What {@link settle} could not write, oldest first. */
  #owed: ((tx: Tx) => void)[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined;

  private constructor(sql: Sqlite) {
    this.sql = sql;
  }

  /**
   * Opens or creates the file at `path`. A file that is no database, or a broken one, is set aside as
   * `path.corrupt-TIME` and `onCorrupt` is told; the engine then starts on an empty database rather than not at all.
   * What may pass (a full disk, no descriptors, no permission) is thrown, and nothing is touched.
   */
  static open(path: string, onCorrupt: (message: string) => void = () => {}): Database {
    try {
      return new Database(openChecked(path));
    } catch (error) {
      if (!isCorruption(error)) throw error;
      const aside = `${path}.corrupt-${Date.now()}`;
      for (const suffix of ["", "-wal", "-shm"]) {
        if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
      }
      onCorrupt(`state database ${path} is unreadable (${messageOf(error)}); it was set aside as ${aside}`);
      return new Database(openChecked(path));
    }
  }

  /** Runs `body` in one transaction; a throw rolls everything back. What is owed is written before it, or the same refusal is its own. */
  transaction<T>(durability: Durability, body: (tx: Tx) => T): T {
    if (this.#inside) throw new Error("a transaction is already open");
    if (this.#owed.length > 0) this.#pay();
    return this.#run(durability, body);
  }

  /**
   * A transaction for what takes back or gives up, and so cannot fail in its turn: when the disk refuses it, it is kept
   * and made before the next transaction, which is tried every second. `body` runs more than once. After a crash in between, the intent
   * that it would have finished is found.
   */
  settle(body: (tx: Tx) => void, durability: Durability = "normal"): void {
    try {
      this.transaction(durability, body);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#owed.push(body);
      this.#retryLater();
    }
  }

  #pay(): void {
    const owed = this.#owed;
    this.#run("full", (tx) => {
      for (const body of owed) body(tx);
    });
    this.#owed = [];
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      try {
        if (this.#owed.length > 0) this.#pay();
      } catch {
        this.#retryLater();
      }
    }, retryMs);
    this.#retry.unref();
  }

  #run<T>(durability: Durability, body: (tx: Tx) => T): T {
    this.sql.run(durability === "full" ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    this.sql.run("BEGIN IMMEDIATE");
    this.#inside = true;
    try {
      const result = body({ db: this });
      failPoint("state.commit");
      this.sql.run("COMMIT");
      failPoint("state.committed");
      return result;
    } catch (error) {
      if (this.sql.inTransaction) this.sql.run("ROLLBACK");
      throw error;
    } finally {
      this.#inside = false;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retry);
    this.sql.run("PRAGMA wal_checkpoint(TRUNCATE)");
    this.sql.close();
  }
}

/** The disk or the kernel said no, which may pass; anything else is a mistake of the caller. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}

/** quick_check found damage. */
class Corruption extends Error {}

function isCorruption(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return error instanceof Corruption || code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
}

function openChecked(path: string): Sqlite {
  const sql = new Sqlite(path, { create: true });
  try {
    sql.run("PRAGMA busy_timeout=2000");
    sql.run("PRAGMA journal_mode=WAL");
    sql.run("PRAGMA cache_size=-2048");
    const verdict = sql.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
    if (verdict !== "ok") throw new Corruption(verdict ?? "no answer to quick_check");
    return sql;
  } catch (error) {
    sql.close();
    throw error;
  }
}
