import type { Database, Tx } from "./database.ts";

/**
 * What an operation is about to do outside the database, written before its first effect and removed with its outcome.
 * After a crash the owner of `operation` finds the intent and finishes or undoes it.
 */
export interface Intent {
  readonly id: number;
  /** Owner and verb, such as `containers.start`. */
  readonly operation: string;
  /** Id of the object that it is about. */
  readonly subject: string;
  /** The effects in the order they will happen, in the owner's words. */
  readonly effects: readonly string[];
}

/** The engine's write-ahead list of effects outside the database. */
export class Intents {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
    db.sql.run(
      "CREATE TABLE IF NOT EXISTS intents (id INTEGER PRIMARY KEY AUTOINCREMENT, operation TEXT NOT NULL, subject TEXT NOT NULL, effects TEXT NOT NULL)",
    );
  }

  begin(_tx: Tx, intent: Omit<Intent, "id">): number {
    const result = this.#db.sql
      .query("INSERT INTO intents (operation, subject, effects) VALUES (?, ?, ?)")
      .run(intent.operation, intent.subject, JSON.stringify(intent.effects));
    return Number(result.lastInsertRowid);
  }

  finish(_tx: Tx, id: number): void {
    this.#db.sql.query("DELETE FROM intents WHERE id=?").run(id);
  }

  /** Intents left by a crash, oldest first; all of them, or those whose operation starts with `prefix`. */
  pending(prefix = ""): Intent[] {
    return this.#db.sql
      .query<{ id: number; operation: string; subject: string; effects: string }, []>(
        "SELECT id, operation, subject, effects FROM intents ORDER BY id",
      )
      .all()
      .filter((row) => row.operation.startsWith(prefix))
      .map((row) => ({ ...row, effects: JSON.parse(row.effects) as string[] }));
  }
}
