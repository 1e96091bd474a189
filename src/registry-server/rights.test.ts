import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseRights, Rights } from "./rights.ts";

const lines = `
# who      what         may
ada        team/**      pull,push,delete
bob        team/app     create,pull
*          public/*     pull
-          open         pull   # also strangers
`;

test("Rights adds up the grants of a user, of all users and of everybody", () => {
  const dir = mkdtempSync(join(tmpdir(), "dhow-rights-"));
  const file = join(dir, "rights");
  writeFileSync(file, lines);
  const said: string[] = [];
  const rights = new Rights(file, (message) => said.push(message));
  const of = (user: string, name: string) => [...rights.of(user, name)].join();
  expect(of("ada", "team/app")).toBe("pull,push,delete");
  expect([of("ada", "team"), of("ada", "team/a/b"), of("ada", "teams"), of("ada", "x/team/app")]).toEqual([
    "pull,push,delete",
    "pull,push,delete",
    "",
    "",
  ]);
  expect([of("bob", "team/app"), of("bob", "team/app2"), of("bob", "public/x"), of("bob", "public/x/y")]).toEqual([
    "create,pull",
    "",
    "pull",
    "",
  ]);
  expect([of("", "open"), of("bob", "open"), of("", "public/x")]).toEqual(["pull", "pull", ""]);
  // A changed file counts at once, and one that is wrong not at all.
  writeFileSync(file, "bob open push\n");
  expect(of("bob", "open")).toBe("push");
  writeFileSync(file, "bob open write\n");
  expect([of("bob", "open"), of("bob", "open"), said.length]).toEqual(["push", "push", 1]);
  expect(said[0]).toContain("line 1: expected USER PATTERN ACTIONS");
  rmSync(dir, { recursive: true });
});

test.each(["ada team", "ada team pull push", "ada team pull,", "ada team read"])("parseRights() refuses %j", (line) => {
  expect(() => parseRights(line)).toThrow("line 1: expected USER PATTERN ACTIONS");
});
