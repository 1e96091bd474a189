import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contextPaths, listContexts, readContext, refuseContextName, writeContext } from "./context-store.ts";

let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "dhow-contexts-"));
  for (const Name of ["aa", "bb", "cc"]) await writeContext(dir, { Name, Metadata: {}, Endpoints: {} }, {});
});
afterEach(() => rmSync(dir, { recursive: true }));

test("listContexts() lists what can be read beside what cannot", async () => {
  const broken = join(contextPaths(dir, "aa").meta, "meta.json");
  writeFileSync(broken, '{"Name":');
  writeFileSync(join(contextPaths(dir, "bb").meta, "meta.json"), "null");
  const { contexts, failures } = await listContexts(dir);
  expect(contexts.map(({ Name }) => Name)).toEqual(["cc"]);
  expect(failures).toContain(`failed to read metadata: parsing ${broken}: unexpected end of JSON input`);
  expect(failures).toHaveLength(2);
  expect(readContext(dir, "aa")).rejects.toThrow(`context "aa": parsing ${broken}: unexpected end of JSON input`);
});

test("refuseContextName() refuses names that are taken, reserved or malformed", async () => {
  await expect(refuseContextName(dir, "aa")).rejects.toThrow('context "aa" already exists');
  await expect(refuseContextName(dir, "default")).rejects.toThrow('"default" is a reserved context name');
  await expect(refuseContextName(dir, "")).rejects.toThrow("context name cannot be empty");
  for (const name of ["a/b", ".a"]) await expect(refuseContextName(dir, name)).rejects.toThrow("is invalid");
  await refuseContextName(dir, "new");
});
