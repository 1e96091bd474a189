import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SyncRule, sortChanges, syncArchive } from "./sync-archive.ts";

const path = mkdtempSync(join(tmpdir(), "dhow-sync-"));
afterAll(() => rmSync(path, { recursive: true, force: true }));
mkdirSync(join(path, "src/deep"), { recursive: true });
mkdirSync(join(path, "node_modules"));
writeFileSync(join(path, "src/a.ts"), "a");
writeFileSync(join(path, "src/deep/b.ts"), "bb".repeat(300_000));
writeFileSync(join(path, "src/x.log"), "noise");
writeFileSync(join(path, "node_modules/m"), "m");
symlinkSync("a.ts", join(path, "src/link"));

const rule: SyncRule = {
  path,
  target: "/app",
  isIgnored: (name) => name.endsWith(".log") || name === "node_modules" || name.startsWith("node_modules/"),
};

/** What tar(1) lists of the archive: `drwxr-xr-x root/root app/src/`. */
async function listed(changed: readonly string[], more: Partial<SyncRule> = {}): Promise<string[]> {
  const pieces = await Array.fromAsync(syncArchive({ ...rule, ...more }, changed));
  const tar = Bun.spawn(["tar", "--numeric-owner", "-tvf", "-"], {
    stdin: Buffer.concat(pieces),
    stdout: "pipe",
  });
  const text = await new Response(tar.stdout).text();
  expect(await tar.exited).toBe(0);
  return text
    .trimEnd()
    .split("\n")
    .filter(Boolean)
    .map((line) => line.replace(/^(.)\S+ (\S+) +(\d+) \S+ \S+ /, "$1 $2 $3 "));
}

test("syncArchive() puts all changes into one archive, each once, root's, and what is ignored into none", async () => {
  expect(await listed(["src", "src/a.ts", "src/x.log", "src/deep", "src/gone"])).toEqual([
    "d 0/0 0 app/src/",
    "- 0/0 1 app/src/a.ts",
    "d 0/0 0 app/src/deep/",
    "- 0/0 600000 app/src/deep/b.ts",
    "l 0/0 0 app/src/link -> a.ts",
  ]);
});

test("syncArchive() of the rule's own path leaves its directory's header away, and takes a single file's target", async () => {
  const whole = await listed(["."]);
  expect(whole[0]).toBe("d 0/0 0 app/src/");
  expect(whole.join("\n")).not.toContain("node_modules");
  expect(await listed(["."], { path: join(path, "src/a.ts"), target: "/etc/a" })).toEqual(["- 0/0 1 etc/a"]);
});

test("syncArchive() goes down into directories though only some files are wanted", async () => {
  const isIgnored: SyncRule["isIgnored"] = (name, kind) => kind !== "directory" && !name.endsWith("b.ts");
  expect(await listed(["."], { isIgnored })).toEqual(["- 0/0 600000 app/src/deep/b.ts"]);
});

test("sortChanges() tells what is there from what is gone, and forgets what is ignored", async () => {
  expect(await sortChanges(rule, [".", "src/a.ts", "src/old", "old.log", "node_modules/x"])).toEqual({
    present: [".", "src/a.ts"],
    gone: ["src/old"],
  });
});
