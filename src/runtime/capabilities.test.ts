import { expect, test } from "bun:test";
import { allCapabilities, containerCapabilities, defaultCapabilities } from "./capabilities.ts";

const kernel = { privileged: false, lastCap: 40 };

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
  [[], ["MKNOD", "cap_kill"], "a00425db"],
])("containerCapabilities() of add %p, drop %p has the mask %s", (add, drop, expected) => {
  expect(mask(containerCapabilities(add, drop, kernel))).toBe(expected);
});

test("containerCapabilities() grants a privileged container all that the kernel has, and no more", () => {
  expect(mask(containerCapabilities([], ["KILL"], { privileged: true, lastCap: 37 }))).toBe("3fffffffff");
});

test("containerCapabilities() refuses an unknown name in Docker's words", () => {
  expect(() => containerCapabilities(["NOPE"], [], kernel)).toThrow('invalid CapAdd: unknown capability: "CAP_NOPE"');
  expect(() => containerCapabilities([], ["x y"], kernel)).toThrow('invalid CapDrop: unknown capability: "CAP_X Y"');
});
