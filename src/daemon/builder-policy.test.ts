import { expect, test } from "bun:test";
import { defaultBuildGrants, parseBuilder } from "./builder-policy.ts";

test("parseBuilder() adds to what every build may be granted, and takes away", () => {
  expect([...parseBuilder("{}")]).toEqual([...defaultBuildGrants]);
  expect([...parseBuilder('{"entitlements":{"network-host":false,"security-insecure":true}}')]).toEqual([
    "security.insecure",
  ]);
});

test.each([
  ["[]", "expected an object"],
  ['{"gcc":{}}', "unknown key: gcc"],
  ['{"entitlements":{"root":true}}', "entitlements: unknown key: root"],
  ['{"entitlements":{"device":1}}', "entitlements: device: expected true or false"],
])("parseBuilder() refuses %s", (text, words) => {
  expect(() => parseBuilder(text)).toThrow(words);
});
