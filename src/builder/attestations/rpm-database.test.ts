import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seeded } from "../../../test/fixtures/seeded.ts";
import { readRpm } from "./rpm-database.ts";

/** A header: texts by tag, and numbers. */
function header(fields: readonly (readonly [tag: number, value: string | number])[]): Buffer {
  const data: Buffer[] = [];
  let offset = 0;
  const index = fields.map(([tag, value]) => {
    const entry = Buffer.alloc(16);
    const bytes = Buffer.alloc(4);
    if (typeof value === "number") bytes.writeUInt32BE(value);
    const own = typeof value === "number" ? bytes : Buffer.from(`${value}\0`);
    [tag, typeof value === "number" ? 4 : 6, offset, 1].forEach((one, i) => void entry.writeUInt32BE(one, i * 4));
    offset += own.length;
    data.push(own);
    return entry;
  });
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(fields.length, 0);
  lengths.writeUInt32BE(offset, 4);
  return Buffer.concat([lengths, ...index, ...data]);
}

/** The file of a database with these headers, its journal written ahead as rpm has it. */
function database(statements: readonly string[], blobs: readonly Uint8Array[] = []): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "dhow-rpm-"));
  try {
    const own = new Database(join(directory, "rpmdb.sqlite"));
    own.run("PRAGMA journal_mode = WAL");
    for (const statement of statements) own.run(statement);
    for (const blob of blobs) own.run("INSERT INTO Packages (blob) VALUES (?)", [blob]);
    own.run("PRAGMA wal_checkpoint(TRUNCATE)");
    own.close();
    return readFileSync(join(directory, "rpmdb.sqlite"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const table = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)";

test("readRpm() gives packages with epoch and release, and no keys", () => {
  const bytes = database(
    [table],
    [
      header([
        [1000, "hello"],
        [1001, "1.2"],
        [1002, "3"],
        [1003, 4],
        [1014, "MIT AND Apache-2.0"],
        [1022, "noarch"],
      ]),
      header([
        [1000, "gpg-pubkey"],
        [1001, "d4ae077f"],
        [1002, "6023a4ee"],
      ]),
      header([
        [1000, "plain"],
        [1001, "0.1"],
      ]),
    ],
  );
  expect([...readRpm(bytes, "/db")]).toEqual([
    {
      system: "rpm",
      name: "hello",
      version: "4:1.2-3",
      architecture: "noarch",
      license: "MIT AND Apache-2.0",
      path: "/db",
    },
    { system: "rpm", name: "plain", version: "0.1", architecture: "", license: "", path: "/db" },
  ]);
});

test("readRpm() has nothing of what is no database, nor of an endless view in the table's place", () => {
  expect([...readRpm(Buffer.from("not a database"), "/db")]).toEqual([]);
  const endless =
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n AS hnum, x'00' AS blob FROM c";
  expect([...readRpm(database([`CREATE VIEW Packages AS ${endless}`]), "/db")]).toEqual([]);
});

test("readRpm() reads or passes over any header (seeded)", () => {
  const random = seeded(5);
  const whole = header([
    [1000, "hello"],
    [1001, "1.2"],
  ]);
  const blobs = Array.from({ length: 500 }, () => {
    const blob = Uint8Array.from(whole);
    for (let i = random.upTo(4); i >= 0; i--) blob[random.upTo(blob.length - 1)] = random.upTo(255);
    return blob;
  });
  expect([...readRpm(database([table], [...blobs, whole]), "/db")].at(-1)?.name).toBe("hello");
});
