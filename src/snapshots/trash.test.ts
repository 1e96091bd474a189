import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Trash } from "./trash.ts";

const dir = mkdtempSync(join(tmpdir(), "dhow-trash-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("Trash.take() takes small trees out of sight at once and deletes them a moment later", async () => {
  const trash = new Trash(join(dir, "small"));
  for (let n = 0; n < 10; n++) {
    mkdirSync(join(dir, "tree/sub"), { recursive: true });
    writeFileSync(join(dir, "tree/sub/file"), "x");
    expect(trash.take(join(dir, "tree"))).toBe(true);
    expect(trash.take(join(dir, "tree"))).toBe(false);
  }
  expect(readdirSync(trash.dir)).toHaveLength(10);
  for (let n = 0; n < 200 && readdirSync(trash.dir).length > 0; n++) await Bun.sleep(10);
  expect(readdirSync(trash.dir)).toEqual([]);
});

test.each(["big.log", "tree/deep/big.log"])(
  "Trash.take() leaves a big %s to a helper: only the name goes at once",
  async (name) => {
    const trash = new Trash(join(dir, name.length.toString()));
    const top = join(dir, name.split("/")[0] ?? "");
    mkdirSync(join(dir, name, ".."), { recursive: true });
    execFileSync("fallocate", ["-l", "64M", join(dir, name)]);
    trash.take(top);
    expect(existsSync(top)).toBe(false);
    expect(readdirSync(trash.dir)).toHaveLength(1);
    await trash.empty();
    expect(readdirSync(trash.dir)).toEqual([]);
  },
);
