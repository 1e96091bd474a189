import { expect, test } from "bun:test";
import { isDigest, parseDigest } from "./digest.ts";
import { normalizePlatform, parsePlatform, platformMatch } from "./platform.ts";
import { familiarReference, formatReference, parseReference, withDefaultTag } from "./reference.ts";

const hex = "a".repeat(64);

test("parseReference() fills in docker.io, library/ and latest", () => {
  expect(formatReference(withDefaultTag(parseReference("busybox")))).toBe("docker.io/library/busybox:latest");
  expect(formatReference(parseReference("index.docker.io/u/a:1"))).toBe("docker.io/u/a:1");
  expect(formatReference(parseReference("localhost:5000/a/b:t"))).toBe("localhost:5000/a/b:t");
  expect(familiarReference(parseReference(`docker.io/library/busybox@sha256:${hex}`))).toBe(`busybox@sha256:${hex}`);
});

test("parseReference() rejects what is no name", () => {
  for (const text of [
    "",
    "Busy",
    "a//b",
    "a:",
    "a:b:c",
    "../x",
    "a/../b",
    "-a",
    hex,
    `a@sha256:${hex}0`,
    "a@md5:00",
    "a b",
  ]) {
    expect(() => parseReference(text)).toThrow();
  }
  expect(() => parseReference("Busy")).toThrow("repository name (Busy) must be lowercase");
});

test("hardening 21: parseDigest() rejects every other spelling before a path is built", () => {
  const bad = [
    "sha256:../../x",
    `sha256:${"A".repeat(64)}`,
    `sha256:${hex.slice(1)}`,
    `sha256:${hex}a`,
    "md5:00",
    "sha256:",
    `sha512:${hex}${hex}`,
    `sha256:${"١".repeat(64)}`,
    `sha256:${hex}\n`,
  ];
  for (const text of bad) expect(() => parseDigest(text)).toThrow();
  expect(isDigest(`sha256:${hex}`)).toBe(true);
});

test("platforms have one spelling, and the nearest lower arm variant runs", () => {
  expect(normalizePlatform({ os: "Linux", architecture: "aarch64", variant: "v8" })).toEqual({
    os: "linux",
    architecture: "arm64",
  });
  expect(parsePlatform("linux/x86_64")).toEqual({ os: "linux", architecture: "amd64" });
  const v7 = parsePlatform("linux/arm/v7");
  expect(platformMatch(v7, parsePlatform("linux/arm/v6"))).toBeGreaterThan(0);
  expect(platformMatch(parsePlatform("linux/arm/v6"), v7)).toBe(-1);
  expect(() => parsePlatform("a/b/c/d")).toThrow("cannot parse platform specifier");
});
