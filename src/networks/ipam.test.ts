import { expect, test } from "bun:test";
import { pickSubnet } from "./ipam.ts";
import { cidrText, parseCidr } from "./netd/ipv4.ts";

const cidr = (text: string) => parseCidr(text)!.cidr;

test("pickSubnet() has pools of its own when none is configured, and leaves what routes cover", () => {
  expect(cidrText(pickSubnet([], []))).toBe("10.192.0.0/16");
  expect(cidrText(pickSubnet([], [cidr("10.192.4.0/24")]))).toBe("10.193.0.0/16");
  expect(cidrText(pickSubnet([], [cidr("10.0.0.0/8"), cidr("172.17.0.0/16")]))).toBe("172.16.0.0/20");
});
