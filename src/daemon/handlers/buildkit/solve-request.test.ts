import { expect, test } from "bun:test";
import { readAttributes } from "./solve-request.ts";

const read = (...attributes: [string, string][]) =>
  readAttributes({ attributes: new Map(attributes), cacheImports: [], cacheExports: [], entitlements: [] });

test("readAttributes() gives labels and arguments in one order, however they come", () => {
  const { labels, buildArgs } = read(["label:b", "1"], ["build-arg:Z", "z"], ["label:a", "2"], ["build-arg:A", "a"]);
  expect([Object.keys(labels), Object.keys(buildArgs)]).toEqual([
    ["a", "b"],
    ["A", "Z"],
  ]);
});

test("readAttributes() takes the type of an attestation from its name, and keeps failed steps where that is asked for", () => {
  const request = read(["attest:sbom", "type=sbom"], ["dhow.keep-failed", "true"], ["hostname", "box"]);
  expect(request.attestations).toEqual([{ type: "sbom", attributes: {} }]);
  expect([request.keepsFailed, read().keepsFailed]).toEqual([true, false]);
  expect(request.buildArgs).toEqual({ BUILDKIT_SANDBOX_HOSTNAME: "box" });
  expect(() => read(["nonsense", ""])).toThrow("unsupported frontend attribute nonsense");
});
