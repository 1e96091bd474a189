import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvFile, readEnvironment, readLabels } from "./env-file.ts";

const directory = mkdtempSync(join(tmpdir(), "dhow-env-file-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(bytes: string): string {
  const path = join(directory, "file");
  writeFileSync(path, Buffer.from(bytes, "latin1"));
  return path;
}

const nobody = (): undefined => undefined;

test("readLabels() passes over a name alone in a file, and takes one from a flag", async () => {
  expect(await readLabels([file("a=1\nb\nc=\n")], ["a=2", "d"])).toEqual({ a: "2", c: "", d: "" });
});

test("readEnvironment() keeps the last of several flags at the place of the first, after all of the files", async () => {
  expect(await readEnvironment([file("B=f\nA=f\n")], ["B=1", "A=1", "B=2", "A"])).toEqual(["B=f", "A=f", "B=2", "A"]);
});

test.each([
  ["A=1\n\n=x\n", "no variable name on line '=x'"],
  ["A=1\nB\xff=1\n", "invalid utf8 bytes at line 2: [66 255 61 49]"],
  ["A B=1\n", "variable 'A B' contains whitespaces"],
])("readEnvFile() refuses %p", async (text, why) => {
  const path = file(text);
  await expect(readEnvFile(path, nobody)).rejects.toThrow(`invalid env file (${path}): ${why}`);
});

test("readEnvFile() takes letters of every script", async () => {
  expect(await readEnvFile(file(Buffer.from("\uFEFFGR=\u03b1\r\n").toString("latin1")), nobody)).toEqual(["GR=\u03b1"]);
});
