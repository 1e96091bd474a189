import { expect, test } from "bun:test";
import { canonicalAddress } from "./ip-address.ts";
import { checkDomain, checkExtraHost, checkLabel, checkLink, checkMacAddress, checkVariable } from "./name-checks.ts";

test("canonicalAddress() writes addresses as Go does, and knows what is none", () => {
  expect(canonicalAddress("1.2.3.4")).toBe("1.2.3.4");
  expect(canonicalAddress("2001:DB8:0:0::1")).toBe("2001:db8::1");
  expect(canonicalAddress("::ffff:1.2.3.4")).toBe("1.2.3.4");
  for (const text of ["", "1.2.3", "1.2.3.256", "01.2.3.4", "fe80::1%eth0", "1::2::3", "::1]/x", "foo"])
    expect(canonicalAddress(text)).toBeNull();
});

test("checkExtraHost() takes either separator and brackets", () => {
  expect(checkExtraHost("a:[::1]")).toBe("a:::1");
  expect(checkExtraHost("a=1.1.1.1")).toBe("a:1.1.1.1");
  expect(checkExtraHost("a:host-gateway")).toBe("a:host-gateway");
  expect(() => checkExtraHost("a")).toThrow('bad format for add-host: "a"');
  expect(() => checkExtraHost("a:[::1")).toThrow('invalid IP address in add-host: "[::1"');
});

test("checkDomain() takes domains and a lone point", () => {
  expect(["a.b.", ".", "a-b.c "].map(checkDomain)).toEqual(["a.b", ".", "a-b.c"]);
  for (const text of ["", "a b", "-x", "a_b", "1.2"]) expect(() => checkDomain(text)).toThrow("is not a valid domain");
});

test("checkMacAddress() takes 6, 8 and 20 bytes", () => {
  for (const text of ["92:d0:c6:0a:29:33", "92-d0-c6-0a-29-33", "92d0.c60a.2933", "00:00:00:00:fe:80:00:00"])
    expect(checkMacAddress(text)).toBe(text);
  for (const text of ["foo", "92:d0:c6:0a:29", "92:d0-c6:0a:29:33", "92d0c60a2933"])
    expect(() => checkMacAddress(text)).toThrow(`${text} is not a valid mac address`);
});

test("the checks of labels, variables and links name what they refuse", () => {
  expect(() => checkLabel("=a")).toThrow("invalid label '=a': empty name");
  expect(() => checkLabel("a b=c")).toThrow("label 'a b' contains whitespaces");
  expect(() => checkVariable("=a")).toThrow("invalid environment variable: =a");
  expect(() => checkLink("a:b:c")).toThrow("bad format for links: a:b:c");
});
