import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../lib/digest.ts";
import { findInLayout, putInLayout } from "./layout-index.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-layout-"));
afterAll(() => rmSync(root, { recursive: true }));

const entry = (text: string) => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: digestOf(text),
  size: 1,
});

test("an entry takes the place of what had its name, and others stay", async () => {
  const directory = join(root, "new");
  await putInLayout(directory, entry("a"), [{ tag: "latest" }]);
  await putInLayout(directory, entry("b"), [{ tag: "b" }, { image: "docker.io/library/x:1", tag: "1" }]);
  await putInLayout(directory, entry("c"), [{ tag: "latest" }]);
  expect(await findInLayout(directory, "")).toBe(digestOf("c"));
  expect(await findInLayout(directory, "1")).toBe(digestOf("b"));
  await expect(findInLayout(directory, "none")).rejects.toThrow(
    `the OCI layout ${directory} has nothing under the tag none: it has b, 1, latest`,
  );
  expect(JSON.parse(readFileSync(join(directory, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
  const { manifests } = JSON.parse(readFileSync(join(directory, "index.json"), "utf8")) as { manifests: object[] };
  expect(manifests).toHaveLength(3);
});

test("the only entry needs no tag; what is no layout is named", async () => {
  writeFileSync(join(root, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry("only")] }));
  expect(await findInLayout(root, "")).toBe(digestOf("only"));
  await expect(findInLayout(join(root, "none"), "")).rejects.toThrow("none is no OCI layout");
  writeFileSync(join(root, "index.json"), '{"manifests": [{"digest": "../x"}]}');
  await expect(findInLayout(root, "")).rejects.toThrow("invalid ");
});
