import { expect, test } from "bun:test";
import { defaultBuilderPolicy, parseBuilder } from "./builder-policy.ts";

test("parseBuilder() adds to what every build may be granted, and takes away", () => {
  expect(parseBuilder("{}")).toEqual(defaultBuilderPolicy);
  const changed = parseBuilder('{"entitlements":{"network-host":false,"security-insecure":true}}');
  expect([...changed.grants]).toEqual(["security.insecure"]);
});

test("parseBuilder() reads how much the cache may hold, in older words as well", () => {
  expect(parseBuilder('{"gc":{"enabled":false}}').cache).toEqual({ enabled: false });
  expect(parseBuilder('{"gc":{"defaultKeepStorage":"10GB","defaultMaxUsedSpace":"1g"}}').cache).toEqual({
    enabled: true,
    reservedBytes: 10 * 2 ** 30,
    maxUsedBytes: 2 ** 30,
  });
  const policy = [{ keepStorage: "1MB", filter: ["type==source.local", "unused-for=48h"] }, { all: true }];
  const none = { types: [], unusedForMs: 0, reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 };
  expect(parseBuilder(JSON.stringify({ gc: { policy } })).cache.rules).toEqual([
    { ...none, all: false, types: ["source.local"], unusedForMs: 48 * 3_600_000, reservedBytes: 2 ** 20 },
    { ...none, all: true },
  ]);
});

test.each([
  ["[]", "expected an object"],
  ['{"gcc":{}}', "unknown key: gcc"],
  ['{"entitlements":{"root":true}}', "entitlements: unknown key: root"],
  ['{"gc":{"enabled":1}}', "gc: enabled: expected true or false"],
  ['{"gc":{"policy":[{"filter":["label=x"]}]}}', "gc: policy: filter: expected type=… or unused-for=…: label=x"],
  ['{"gc":{"defaultKeepStorage":5}}', 'gc: defaultKeepStorage: expected a size such as "10GB"'],
  ['{"entitlements":{"device":1}}', "entitlements: device: expected true or false"],
])("parseBuilder() refuses %s", (text, words) => {
  expect(() => parseBuilder(text)).toThrow(words);
});
