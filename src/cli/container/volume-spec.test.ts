import { expect, test } from "bun:test";
import { parseVolume } from "./volume-spec.ts";

test("parseVolume() tells an anonymous volume from a bind", () => {
  expect(parseVolume("/data")).toEqual({ anonymous: "/data" });
  expect(parseVolume("name:/data:ro")).toEqual({ bind: "name:/data:ro" });
  expect(parseVolume("./here:/data")).toEqual({ bind: `${process.cwd()}/here:/data` });
  expect(parseVolume("a:/b")).toEqual({ anonymous: "a:/b" });
});

test("parseVolume() refuses empty sections and a fourth one", () => {
  expect(() => parseVolume("")).toThrow("invalid empty volume spec");
  expect(() => parseVolume("/a::ro")).toThrow("invalid spec: /a::ro: empty section between colons");
  expect(() => parseVolume("/a:/b:/c:/d")).toThrow("invalid spec: /a:/b:/c:/d: too many colons");
});
