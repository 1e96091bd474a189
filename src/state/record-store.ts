import type { SQLQueryBindings } from "bun:sqlite";
import { conflict, dataLoss, messageOf } from "../lib/errors.ts";
import { parseJson, stringifyJson } from "../lib/json.ts";
import type { Database, Tx } from "./database.ts";

/** How one noun is kept: one row per object, a JSON document with a schema version. */
export interface RecordKind<T> {
  /** Table name, `[a-z_]+`. */
  readonly table: string;
  /** Version that `parse` understands; rows of older versions go through `migrations` first. */
  readonly version: number;
  /** Checks a document of the present version; throws with a reason. */
  readonly parse: (document: unknown) => T;
  /** `migrations[n]` turns a document of version n into one of version n+1. */
  readonly migrations?: Readonly<Record<number, (document: unknown) => unknown>>;
  /** Values that no two objects may share, by column name; null does not clash. */
  readonly unique?: Readonly<Record<string, (record: T) => string | null>>;
}

/** A row that could not be read. It spoils its own object only. */
export interface BrokenRecord {
  readonly id: string;
  readonly reason: string;
  /** Whole, but for a version of this program that comes after this one. */
  readonly newer: boolean;
}

/** Thrown by `put` when a unique column would hold one value twice; `holder` is the id that has it. */
export class UniqueConflict extends Error {
  override readonly name = "UniqueConflict";
  constructor(
    readonly column: string,
    readonly value: string,
    readonly holder: string,
  ) {
    super(`${column} "${value}" is held by "${holder}"`);
  }
}

interface Row {
  id: string;
  version: number;
  document: string;
}

/**
 * Versioned, schema-checked records of one noun in the engine's database. Reads return fresh, frozen-by-convention
 * values; writes happen only inside a {@link Tx}, so that several records change together or not at all.
 */
export class RecordStore<T> {
  readonly #db: Database;
  readonly #kind: RecordKind<T>;
  readonly #uniqueColumns: readonly string[];
  readonly #upsert: string;

  constructor(db: Database, kind: RecordKind<T>) {
    this.#db = db;
    this.#kind = kind;
    this.#uniqueColumns = Object.keys(kind.unique ?? {});
    const columns = this.#uniqueColumns.map((column) => `, "${column}" TEXT UNIQUE`).join("");
    db.sql.run(
      `CREATE TABLE IF NOT EXISTS "${kind.table}" (id TEXT PRIMARY KEY, version INTEGER NOT NULL, document TEXT NOT NULL${columns}) WITHOUT ROWID`,
    );
    this.#addColumns();
    const names = ["id", "version", "document", ...this.#uniqueColumns];
    this.#upsert = `INSERT INTO "${kind.table}" (${names.map((n) => `"${n}"`).join(",")}) VALUES (${names.map(() => "?").join(",")})
      ON CONFLICT(id) DO UPDATE SET ${names
        .slice(1)
        .map((n) => `"${n}"=excluded."${n}"`)
        .join(",")}`;
  }

  /** The record, or undefined; throws `dataLoss` when its row cannot be read. */
  get(id: string): T | undefined {
    const row = this.#db.sql
      .query<Row, [string]>(`SELECT id, version, document FROM "${this.#kind.table}" WHERE id=?`)
      .get(id);
    if (!row) return undefined;
    const read = this.#read(row);
    if ("reason" in read) throw dataLoss(`record ${this.#kind.table}/${id} is unreadable: ${read.reason}`);
    return read.record;
  }

  /** The id whose unique `column` holds `value`. */
  findUnique(column: string, value: string): string | undefined {
    if (!this.#uniqueColumns.includes(column)) throw new Error(`${this.#kind.table} has no unique column ${column}`);
    return this.#db.sql
      .query<{ id: string }, [string]>(`SELECT id FROM "${this.#kind.table}" WHERE "${column}"=?`)
      .get(value)?.id;
  }

  /** Every record by id, and the rows that could not be read. */
  list(): { records: Map<string, T>; broken: BrokenRecord[] } {
    const records = new Map<string, T>();
    const broken: BrokenRecord[] = [];
    for (const row of this.#db.sql.query<Row, []>(`SELECT id, version, document FROM "${this.#kind.table}"`).all()) {
      const read = this.#read(row);
      if ("reason" in read) broken.push({ id: row.id, ...read });
      else records.set(row.id, read.record);
    }
    return { records, broken };
  }

  /** Inserts or replaces; throws {@link UniqueConflict}. */
  put(_tx: Tx, id: string, record: T): void {
    const values: SQLQueryBindings[] = [id, this.#kind.version, stringifyJson(record)];
    for (const column of this.#uniqueColumns) values.push(this.#kind.unique?.[column]?.(record) ?? null);
    try {
      this.#db.sql.query(this.#upsert).run(...values);
    } catch (error) {
      throw this.#uniqueConflict(error, record) ?? error;
    }
  }

  /** Inserts; throws `conflict` when the id exists. */
  insert(tx: Tx, id: string, record: T): void {
    const exists = this.#db.sql.query(`SELECT 1 FROM "${this.#kind.table}" WHERE id=?`).get(id);
    if (exists) throw conflict(`record ${this.#kind.table}/${id} exists`);
    this.put(tx, id, record);
  }

  /** Removes the row if it is there, readable or not. */
  delete(_tx: Tx, id: string): void {
    this.#db.sql.query(`DELETE FROM "${this.#kind.table}" WHERE id=?`).run(id);
  }

  /** Unique columns that came later than the table, empty in the rows that are there until each is written again. */
  #addColumns(): void {
    const { table } = this.#kind;
    const present = this.#db.sql.query<{ name: string }, []>(`SELECT name FROM pragma_table_info('${table}')`).all();
    for (const column of this.#uniqueColumns) {
      if (present.some(({ name }) => name === column)) continue;
      this.#db.sql.run(`ALTER TABLE "${table}" ADD COLUMN "${column}" TEXT`);
      this.#db.sql.run(`CREATE UNIQUE INDEX "${table}_${column}" ON "${table}" ("${column}")`);
    }
  }

  #read(row: Row): { record: T } | Omit<BrokenRecord, "id"> {
    try {
      if (row.version > this.#kind.version) {
        return { reason: `written by a newer version (${row.version} > ${this.#kind.version})`, newer: true };
      }
      let document: unknown = parseJson(row.document);
      for (let version = row.version; version < this.#kind.version; version++) {
        const migrate = this.#kind.migrations?.[version];
        if (!migrate) return { reason: `no migration from version ${version}`, newer: false };
        document = migrate(document);
      }
      return { record: this.#kind.parse(document) };
    } catch (error) {
      return { reason: messageOf(error), newer: false };
    }
  }

  #uniqueConflict(error: unknown, record: T): UniqueConflict | undefined {
    if (!messageOf(error).includes("UNIQUE constraint failed")) return undefined;
    for (const column of this.#uniqueColumns) {
      const value = this.#kind.unique?.[column]?.(record);
      const holder = value == null ? undefined : this.findUnique(column, value);
      if (value != null && holder !== undefined) return new UniqueConflict(column, value, holder);
    }
    return undefined;
  }
}
