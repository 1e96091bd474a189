import { expect, test } from "bun:test";
import { allCapabilities, capabilitiesOfMask, containerCapabilities, defaultCapabilities } from "./capabilities.ts";

const kernel = { privileged: false, available: allCapabilities };

/** The mask that /proc/PID/status shows for a set. */
const mask = (names: readonly string[]): string =>
  names
    .reduce((sum, name) => sum | (1n << BigInt((allCapabilities as readonly string[]).indexOf(name))), 0n)
    .toString(16);

test("containerCapabilities() grants exactly the 14 defaults when nothing is said", () => {
  const granted = containerCapabilities([], [], kernel);
  expect(granted.length).toBe(14);
  expect(new Set(granted)).toEqual(new Set(defaultCapabilities));
  expect(mask(granted)).toBe("a80425fb");
});

test.each([
  [["net_admin"], [], "a80435fb"],
  [["CAP_NET_ADMIN"], ["ALL"], "1000"],
  [[], ["all"], "0"],
  [["ALL"], [], "1ffffffffff"],
  [["ALL"], ["SYS_ADMIN"], "1ffffdfffff"],
  [["ALL"], ["ALL"], "1ffffffffff"],
  [["ALL"], ["ALL", "CHOWN"], "1fffffffffe"],
  [["ALL", "SYS_ADMIN"], ["SYS_ADMIN"], "1ffffdfffff"],
  [["CHOWN"], ["CHOWN"], "a80425fb"],
  [["NET_ADMIN"], ["NET_ADMIN"], "a80435fb"],
  [[], ["MKNOD", "cap_kill"], "a00425db"],
])("containerCapabilities() of add %p, drop %p has the mask %s", (add, drop, expected) => {
  expect(mask(containerCapabilities(add, drop, kernel))).toBe(expected);
});

test("containerCapabilities() grants a privileged container all that the engine has, and no more", () => {
  expect(
    mask(containerCapabilities([], ["KILL"], { privileged: true, available: capabilitiesOfMask(0x3ffeffffffn) })),
  ).toBe("3ffeffffff");
});

test("containerCapabilities() refuses to add what the engine does not have itself", () => {
  const available = capabilitiesOfMask(0x1fffeffffffn);
  expect(() => containerCapabilities(["SYS_RESOURCE"], [], { privileged: false, available })).toThrow(
    'invalid CapAdd: capability not supported by your kernel or not available in the current environment: "CAP_SYS_RESOURCE"',
  );
});

test("containerCapabilities() refuses an unknown name in Docker's words", () => {
  expect(() => containerCapabilities(["NOPE"], [], kernel)).toThrow('invalid CapAdd: unknown capability: "CAP_NOPE"');
  expect(() => containerCapabilities([], ["x y"], kernel)).toThrow('invalid CapDrop: unknown capability: "CAP_X Y"');
});
