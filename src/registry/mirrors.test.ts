import { expect, test } from "bun:test";
import { mirrorsOf } from "./mirrors.ts";

test("mirrorsOf() gives a registry its own mirrors, in their order", () => {
  const entries = [
    "https://hub.example",
    "ghcr.io=https://one.example/x=y",
    "localhost:5000=http://two",
    "GHCR.io=http://three",
  ];
  expect(mirrorsOf("docker.io", entries)).toEqual(["https://hub.example"]);
  expect(mirrorsOf("ghcr.io", entries)).toEqual(["https://one.example/x=y", "http://three"]);
  expect(mirrorsOf("localhost:5000", entries)).toEqual(["http://two"]);
  expect(mirrorsOf("quay.io", entries)).toEqual([]);
  expect(mirrorsOf("docker.io", ["https://hub.example/?a=b"])).toEqual(["https://hub.example/?a=b"]);
});
