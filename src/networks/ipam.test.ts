import { expect, test } from "bun:test";
import { pickSubnet, poolsOf, uniqueLocalPool } from "./ipam.ts";
import { addressText, cidrText, parseAddress, parseCidr } from "./netd/ip.ts";

const cidr = (text: string) => parseCidr(text)!.cidr;

test("pickSubnet() has pools of its own when none is configured, and leaves what routes cover", () => {
  const pick = (...used: string[]) => cidrText(pickSubnet("ipv4", poolsOf([], "x"), used.map(cidr)));
  expect(pick()).toBe("10.192.0.0/16");
  expect(pick("10.192.4.0/24")).toBe("10.193.0.0/16");
  expect(pick("10.0.0.0/8", "172.17.0.0/16")).toBe("172.16.0.0/20");
});

test("pickSubnet() takes IPv6 subnets from a pool of the engine's own, and passes what is in use at once", () => {
  const pool = uniqueLocalPool("86c1c3b8-59a8-4c7d-9d4e-6b0f4bd7b2d3");
  expect(pool.base).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/48$/);
  expect(uniqueLocalPool("86c1c3b8-59a8-4c7d-9d4e-6b0f4bd7b2d3")).toEqual(pool);
  expect(uniqueLocalPool("another")).not.toEqual(pool);
  const prefix = pool.base.replace("::/48", "");
  const pick = (...used: string[]) =>
    cidrText(pickSubnet("ipv6", poolsOf([], "86c1c3b8-59a8-4c7d-9d4e-6b0f4bd7b2d3"), used.map(cidr)));
  expect(pick()).toBe(`${prefix}::/64`);
  expect(pick(`${prefix}:0:8000::1/128`)).toBe(`${prefix}:1::/64`);
  const vast = [{ base: "fc00::/7", size: 120 }];
  expect(cidrText(pickSubnet("ipv6", vast, [cidr("fc00::/8")]))).toBe("fd00::/120");
  expect(() => pickSubnet("ipv6", vast, [cidr("::/0")])).toThrow("all predefined address pools");
});

test.each([
  ["FD00:DD:2:0:0::", "fd00:dd:2::"],
  ["::", "::"],
  ["::1", "::1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["10.0.255.1", "10.0.255.1"],
])("addressText() writes %p as %p", (text, canonical) => {
  expect(addressText(parseAddress(text)!)).toBe(canonical);
});

test.each([
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1::2::3",
  "::12345",
  "fe80::1%eth0",
  ":::",
  "1:2:3:4:5:6:7::8",
  "::1.2.3",
  ":1::",
])("parseAddress() refuses %p", (text) => {
  expect(parseAddress(text)).toBeUndefined();
});
