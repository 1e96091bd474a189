import { expect, test } from "bun:test";
import { parseGcPolicy } from "./gc-policy.ts";

test("parseGcPolicy() leaves alone what the policy does not name", () => {
  expect(parseGcPolicy('{"enabled":true,"interval":"1h30m","images":{"unused-for":"168h"}}')).toEqual({
    enabled: true,
    intervalMs: 5_400_000,
    imagesUnusedMs: 604_800_000,
    containersStoppedMs: undefined,
  });
  expect(parseGcPolicy("{}")).toMatchObject({ enabled: false, intervalMs: 86_400_000, imagesUnusedMs: undefined });
});

test.each([
  ["[]", "expected an object"],
  ['{"enable":true}', "unknown keys: enable"],
  ['{"enabled":"yes"}', "enabled: expected true or false"],
  ['{"interval":3}', 'interval: expected a duration such as "24h"'],
  ['{"interval":"0s"}', "interval: must be one second or longer: 0s"],
  ['{"interval":"-1h"}', "interval: must be one second or longer: -1h"],
  ['{"images":{}}', "images: unused-for is missing"],
  ['{"images":{"older":"1h"}}', "images: unknown keys: older"],
  ['{"containers":{"stopped-for":"1 week"}}', "time: unknown unit"],
])("parseGcPolicy(%s) is refused: %s", (text, why) => {
  expect(() => parseGcPolicy(text)).toThrow(why);
});
