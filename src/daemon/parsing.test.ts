import { expect, test } from "bun:test";
import { formatFilters, parseFilters } from "../api/filters.ts";
import { paths } from "../api/paths.ts";
import { formatTarget } from "../api/route-spec.ts";
import { DetachDetector, readDetachKeys } from "../lib/detach-keys.ts";
import { parseQuery } from "./query.ts";
import { createRouter, parseTarget } from "./router.ts";
import { parseTimestamp } from "./timestamps.ts";

test("hardening 213: parseTarget() decodes once and drops origin and version", () => {
  expect(parseTarget("/v1.44/images/a%2Fb%252e/json?x=%2F")).toEqual({
    path: "/images/a/b%2e/json",
    search: "x=%2F",
    version: "1.44",
  });
  expect(parseTarget("http://host:1/info").path).toBe("/info");
  expect(parseTarget("/networks/").path).toBe("/networks");
  for (const bad of ["/a%00", "/%zz", "/v1.44/%2e%2e/info", "/a//b", "/./a", "*"]) {
    expect(() => parseTarget(bad)).toThrow();
  }
});

test("createRouter() prefers the fixed path over the parameter", () => {
  const match = createRouter(Object.values(paths));
  const found = (method: string, path: string) => match(method, path)?.route.path;
  expect(found("GET", "/images/json")).toBe("/images/json");
  expect(found("GET", "/images/json/json")).toBe("/images/{name:*}/json");
  expect(found("GET", "/images/a/b/get")).toBe("/images/{name:*}/get");
  expect(found("POST", "/networks/prune")).toBe("/networks/prune");
  expect(found("GET", "/containers/a/b/json")).toBe("/containers/{id:*}/json");
  expect(found("GET", "/containers/a/b/top")).toBeUndefined();
  expect(match("DELETE", "/images/host:5000/x@sha256:1")?.params).toEqual({ name: "host:5000/x@sha256:1" });
});

test("formatTarget() writes what the router reads back", () => {
  const target = formatTarget(paths.imageRemove, { name: "a:1/b c" }, { force: true, platforms: ["x", "y"] });
  const { path, search } = parseTarget(target);
  expect(path).toBe("/images/a:1/b c");
  expect(parseQuery(paths.imageRemove, search)).toEqual({ force: true, noprune: false, platforms: ["x", "y"] });
});

test("parseQuery() reads flags and numbers as dockerd does", () => {
  const read = (search: string) => parseQuery(paths.containerList, search);
  for (const off of ["", "all=0", "all=no", "all=False", "all=none", "all="]) expect(read(off).all).toBe(false);
  for (const on of ["all=1", "all=true", "all=yes"]) expect(read(on).all).toBe(true);
  expect(() => read("limit=abc")).toThrow('strconv.Atoi: parsing "abc": invalid syntax');
  expect(parseQuery(paths.containerStats, "").stream).toBe(true);
  expect(parseQuery(paths.containerStats, "stream=0").stream).toBe(false);
});

test("parseFilters() reads both spellings, and formatFilters() writes the newer", () => {
  const filters = parseFilters('{"label":["a","b=c"],"name":{"x":true,"y":false}}', ["label", "name"]);
  expect([...filters]).toEqual([
    ["label", ["a", "b=c"]],
    ["name", ["x"]],
  ]);
  expect(formatFilters(filters)).toBe('{"label":{"a":true,"b=c":true},"name":{"x":true}}');
  for (const bad of ["[]", "1", '{"name":1}', '{"name":[1]}', '{"name":{"a":"b"}}']) {
    expect(() => parseFilters(bad, ["name"])).toThrow("invalid filter");
  }
});

test("parseTimestamp() keeps every nanosecond", () => {
  expect(parseTimestamp("1700000000.000000001")).toBe(1_700_000_000_000_000_001n);
  expect(parseTimestamp("1700000000.5")).toBe(1_700_000_000_500_000_000n);
  expect(parseTimestamp("")).toBeUndefined();
  expect(() => parseTimestamp("abc")).toThrow('strconv.ParseInt: parsing "abc": invalid syntax');
});

test("DetachDetector lets a broken sequence through and stops at a whole one", () => {
  const detector = new DetachDetector(readDetachKeys("ctrl-p,ctrl-p,q"));
  const push = (text: string) => detector.push(Buffer.from(text)).toString();
  expect(push("a\x10")).toBe("a");
  expect(push("b")).toBe("\x10b");
  expect(push("\x10\x10\x10qz")).toBe("\x10");
  expect(detector.detached).toBe(true);
});

test("readDetachKeys() refuses what is no key", () => {
  for (const bad of ["ctrl-", "ctrl-ab", "a,", "ctrl-é"]) {
    expect(() => readDetachKeys(bad)).toThrow(`Invalid escape keys (${bad}) provided`);
  }
});
