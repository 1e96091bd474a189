import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "./database.ts";
import { Intents } from "./intents.ts";
import { RecordStore, UniqueConflict } from "./record-store.ts";

interface Pet {
  name: string;
  legs: number | bigint;
}

const pets = {
  table: "pets",
  version: 2,
  parse(document: unknown): Pet {
    const pet = document as Pet;
    if (typeof pet.name !== "string") throw new Error("name is not a string");
    return pet;
  },
  migrations: { 1: (document: unknown) => ({ ...(document as object), legs: 4 }) },
  unique: { name: (pet: Pet) => pet.name || null },
};

function memory(): { db: Database; store: RecordStore<Pet> } {
  const db = Database.open(":memory:");
  return { db, store: new RecordStore(db, pets) };
}

test("RecordStore gives back what was put, integers above 2^53 included", () => {
  const { db, store } = memory();
  db.transaction("full", (tx) => store.put(tx, "a", { name: "rex", legs: 9223372036854775807n }));
  expect(store.get("a")).toEqual({ name: "rex", legs: 9223372036854775807n });
  expect(store.get("b")).toBeUndefined();
});

test("RecordStore refuses a unique value that another record holds, and names the holder", () => {
  const { db, store } = memory();
  db.transaction("normal", (tx) => store.put(tx, "a", { name: "rex", legs: 4 }));
  let seen: unknown;
  try {
    db.transaction("normal", (tx) => store.put(tx, "b", { name: "rex", legs: 4 }));
  } catch (error) {
    seen = error;
  }
  expect(seen).toBeInstanceOf(UniqueConflict);
  expect((seen as UniqueConflict).holder).toBe("a");
  expect(store.get("b")).toBeUndefined();
  db.transaction("normal", (tx) => store.put(tx, "a", { name: "rex", legs: 3 }));
  expect(store.get("a")?.legs).toBe(3);
});

test("RecordStore lets empty unique values repeat", () => {
  const { db, store } = memory();
  db.transaction("normal", (tx) => {
    store.put(tx, "a", { name: "", legs: 1 });
    store.put(tx, "b", { name: "", legs: 1 });
  });
  expect(store.list().records.size).toBe(2);
});

test("a throw inside transaction() rolls back every write", () => {
  const { db, store } = memory();
  expect(() =>
    db.transaction("full", (tx) => {
      store.put(tx, "a", { name: "rex", legs: 4 });
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(store.get("a")).toBeUndefined();
});

test("RecordStore migrates rows of older versions and sets broken rows apart", () => {
  const { db, store } = memory();
  const insert = db.sql.query("INSERT INTO pets (id, version, document) VALUES (?, ?, ?)");
  insert.run("old", 1, '{"name":"rex"}');
  insert.run("cut", 2, '{"name":"re');
  insert.run("new", 3, '{"name":"future"}');
  const { records, broken } = store.list();
  expect(records.get("old")).toEqual({ name: "rex", legs: 4 });
  expect(broken.map((b) => b.id).sort()).toEqual(["cut", "new"]);
  expect(() => store.get("cut")).toThrow("record pets/cut is unreadable");
  db.transaction("normal", (tx) => store.delete(tx, "cut"));
  expect(store.list().broken.map((b) => b.id)).toEqual(["new"]);
});

test("Database.open() sets an unreadable file aside and starts empty", () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-state-"));
  try {
    const path = join(dir, "dhow.db");
    writeFileSync(path, "this is not a database, not even close to one".repeat(200));
    const told: string[] = [];
    using db = Database.open(path, (message) => told.push(message));
    expect(new RecordStore(db, pets).list().records.size).toBe(0);
    expect(told).toHaveLength(1);
    expect(readdirSync(dir).some((name) => name.startsWith("dhow.db.corrupt-"))).toBe(true);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("Intents are pending from begin() to finish(), oldest first", () => {
  const { db } = memory();
  const intents = new Intents(db);
  const first = db.transaction("full", (tx) =>
    intents.begin(tx, { operation: "containers.start", subject: "a", effects: ["mount", "netns"] }),
  );
  db.transaction("full", (tx) => intents.begin(tx, { operation: "images.pull", subject: "b", effects: [] }));
  expect(intents.pending().map((i) => i.subject)).toEqual(["a", "b"]);
  expect(intents.pending("containers.")[0]?.effects).toEqual(["mount", "netns"]);
  db.transaction("full", (tx) => intents.finish(tx, first));
  expect(intents.pending().map((i) => i.subject)).toEqual(["b"]);
});

test("Database.open() throws what may pass, and leaves the file where it is", () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-state-"));
  try {
    mkdirSync(join(dir, "dhow.db"));
    expect(() => Database.open(join(dir, "dhow.db"))).toThrow();
    expect(readdirSync(dir)).toEqual(["dhow.db"]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("Database.open() sets a database aside whose pages are damaged", () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-state-"));
  try {
    const path = join(dir, "dhow.db");
    {
      using db = Database.open(path);
      const store = new RecordStore(db, pets);
      db.transaction("full", (tx) => {
        for (let i = 0; i < 500; i++) store.put(tx, `p${i}`, { name: `pet ${i} ${"x".repeat(200)}`, legs: 4 });
      });
    }
    const bytes = readFileSync(path);
    bytes.fill(0xff, 4096, bytes.length - 4096);
    writeFileSync(path, bytes);
    const told: string[] = [];
    using db = Database.open(path, (message) => told.push(message));
    expect(new RecordStore(db, pets).list().records.size).toBe(0);
    expect(told).toHaveLength(1);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("settle() keeps what the disk refuses, and makes it before the next transaction", () => {
  const { db, store } = memory();
  db.transaction("normal", (tx) => store.put(tx, "a", { name: "rex", legs: 4 }));
  let full = true;
  db.settle((tx) => {
    store.delete(tx, "a");
    if (full) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  });
  expect(store.get("a")?.name).toBe("rex");
  const reuse = () => db.transaction("normal", (tx) => store.put(tx, "b", { name: "rex", legs: 4 }));
  expect(reuse).toThrow("no space left");
  full = false;
  reuse();
  expect([store.get("a"), store.get("b")?.name]).toEqual([undefined, "rex"]);
});

test("settle() throws what no disk said", () => {
  const { db } = memory();
  expect(() =>
    db.settle(() => {
      throw new Error("a mistake");
    }),
  ).toThrow("a mistake");
  db.transaction("normal", () => {});
});
