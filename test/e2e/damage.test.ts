/** Hardening, row 161: one object's record or file is damaged; the engine starts, says so, and everything else works. */
import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { supervisorPid } from "../harness/crash.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

afterEach(async () => {
  for (const name of ["good", "bad"]) await daemon().dhow("rm", "-f", name);
  await daemon().dhow("network", "rm", "other", "bad");
  await daemon().dhow("volume", "rm", "-f", "other", "bad");
  await daemon().dhow("rmi", "-f", "bad:1");
});

const damages: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  empty: () => Buffer.alloc(0),
  cut: (bytes) => bytes.subarray(0, bytes.length >> 1),
  "with one bit flipped": (bytes) => {
    const other = Buffer.from(bytes);
    other[0] = (other[0] ?? 0) ^ 1;
    return other;
  },
  "full of NULs": (bytes) => Buffer.alloc(bytes.length),
};

/** Damages the one row of `table` that `where` picks. */
function damageRow(table: string, where: string, value: string) {
  return (d: TestDaemon, damage: (bytes: Buffer) => Buffer): void => {
    using db = new Database(join(d.dataRoot, "dhow.db"));
    const row = db
      .query<{ id: string; document: string }, [string]>(`SELECT id, document FROM ${table} WHERE ${where}`)
      .get(value);
    if (!row) throw new Error(`no row of ${table} is ${value}`);
    db.query(`UPDATE ${table} SET document = ? WHERE id = ?`).run(
      damage(Buffer.from(row.document)).toString("latin1"),
      row.id,
    );
  };
}

/** Damages the blob that the image `bad` names by `what`. */
function damageBlob(what: "manifest" | "config") {
  return (d: TestDaemon, damage: (bytes: Buffer) => Buffer): void => {
    using db = new Database(join(d.dataRoot, "dhow.db"), { readonly: true });
    const name = db.query<{ document: string }, []>("SELECT document FROM image_names WHERE id LIKE '%bad:1'").get();
    const { image } = JSON.parse(name?.document ?? "{}") as { image: string };
    const row = db.query<{ document: string }, [string]>("SELECT document FROM images WHERE id = ?").get(image);
    const { manifest } = JSON.parse(row?.document ?? "{}") as { manifest: { digest: string } };
    const path = join(d.dataRoot, "content/blobs", (what === "config" ? image : manifest.digest).replace(":", "/"));
    writeFileSync(path, damage(readFileSync(path)));
  };
}

interface Case {
  readonly make: readonly string[];
  readonly damage: (d: TestDaemon, damage: (bytes: Buffer) => Buffer) => void;
  /** Words of the log or of `volume ls`, which say what is wrong with it. */
  readonly said: RegExp;
  readonly remove: readonly string[];
}

const commit = ["commit", "-c", "LABEL odd=1", "good", "bad:1"];
const cases: Readonly<Record<string, Case>> = {
  container: {
    make: ["create", "--name", "bad", "busybox", "true"],
    damage: damageRow("containers", "document LIKE '%\"name\":\"' || ? || '\"%'", "bad"),
    said: /container [0-9a-f]{64}: its record is unreadable/,
    remove: ["rm", "-f"],
  },
  network: {
    make: ["network", "create", "bad"],
    damage: damageRow("networks", "name = ?", "bad"),
    said: /network [0-9a-f]{64}: its record is unreadable/,
    remove: ["network", "rm", "bad"],
  },
  volume: {
    make: ["volume", "create", "bad"],
    damage: damageRow("volumes", "id = ?", "bad"),
    said: /volume bad: its record is unreadable/,
    remove: ["volume", "rm", "bad"],
  },
  "image's row": {
    make: commit,
    damage: (d, damage) => {
      using db = new Database(join(d.dataRoot, "dhow.db"));
      const name = db.query<{ document: string }, []>("SELECT document FROM image_names WHERE id LIKE '%bad:1'").get();
      const { image } = JSON.parse(name?.document ?? "{}") as { image: string };
      damageRow("images", "id = ?", image)(d, damage);
    },
    said: /image sha256:[0-9a-f]{64}: its record is unreadable/,
    remove: ["rmi", "-f", "bad:1"],
  },
  "image's manifest": {
    make: commit,
    damage: damageBlob("manifest"),
    said: /image .*corrupt on disk|is corrupt on disk/,
    remove: ["rmi", "-f", "bad:1"],
  },
  "image's configuration": {
    make: commit,
    damage: damageBlob("config"),
    said: /is corrupt on disk/,
    remove: ["rmi", "-f", "bad:1"],
  },
};

const table = Object.entries(cases).flatMap(([object, one]) =>
  Object.entries(damages).map(([how, damage]) => [object, how, one, damage] as const),
);

test.each(table)(
  "hardening 161: a %s that is %s is told of and can be removed, and all else works",
  async (object, _how, one, damage) => {
    const d = daemon();
    await d.must("create", "--name", "good", "busybox", "echo", "works");
    const made = (await d.must(...one.make)).trim();
    await d.terminate();
    const logged = d.log().length;
    one.damage(d, damage);
    await d.start();
    expect(await d.must("start", "-a", "good")).toBe("works\n");
    expect(await d.must("network", "create", "other")).not.toBe("");
    expect(await d.must("run", "--rm", "--network", "other", "-v", "other:/v", "busybox", "echo", "new")).toBe("new\n");
    await d.must("images");
    const told = `${d.log().slice(logged)}${JSON.stringify((await d.api("GET", "/volumes")).body)}`;
    const shown =
      object.startsWith("image's") && object !== "image's row"
        ? (await d.dhow("image", "inspect", "bad:1")).stderr
        : "";
    expect(told + shown).toMatch(one.said);
    const removed = await d.dhow(...one.remove, ...(object === "container" ? [made] : []));
    // What was dropped has nothing to remove.
    if (!["image's row", "network"].includes(object)) expect([removed.code, removed.stderr]).toEqual([0, ""]);
    // The same can be made again under the same name.
    await d.must(...one.make);
    await d.must(...one.remove, ...(object === "container" ? ["bad"] : []));
    await d.must("rm", "-f", "good");
    await d.must("network", "rm", "other");
    await d.must("volume", "rm", "other");
  },
);

test.each(Object.entries(damages))(
  "hardening 161: a supervisor's record of a process that is %s loses neither the engine nor other containers",
  async (_how, damage) => {
    const d = daemon();
    for (const name of ["bad", "good"]) await d.must("run", "-d", "--name", name, "busybox", "sleep", "600");
    const id = (await d.must("inspect", "-f", "{{.Id}}", "bad")).trim();
    const state = join(d.execRoot, "supervisor", id);
    await d.kill9();
    const old = supervisorPid(d);
    process.kill(old, "SIGKILL");
    await until("its end", () => !readdirSync("/proc").includes(String(old)));
    for (const name of ["record.json", "identity.json"]) {
      writeFileSync(join(state, name), damage(readFileSync(join(state, name))));
    }
    await d.start();
    expect(await d.must("exec", "good", "echo", "ok")).toBe("ok\n");
    await d.must("rm", "-f", "bad");
    await d.must("run", "--rm", "--name", "bad", "busybox", "true");
    await d.must("rm", "-f", "good");
  },
);
