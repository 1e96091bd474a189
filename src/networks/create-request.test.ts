/** What requests become, and what of them is refused, in dockerd 28.5's words. */
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { NetworkCreateRequest } from "../api/networks.ts";
import { recordOf } from "./create-request.ts";
import type { NetworkRecord } from "./record.ts";

function make(request: object, existing: ReadonlyMap<string, NetworkRecord> = new Map()): NetworkRecord {
  const pools = [{ base: "10.99.0.0/16", size: 24 }];
  const asked = v.parse(NetworkCreateRequest, { Name: "made", ...request });
  return recordOf(asked, { id: "1".repeat(64), existing, pools, mtu: 1500, defaults: {}, used: [] });
}

const subnet = (config: object) => ({ IPAM: { Driver: "default", Config: [{ Subnet: "10.1.0.0/29", ...config }] } });

describe("addresses of a subnet", () => {
  test.each([
    ["gateway (10.1.0.7)", { Gateway: "10.1.0.7" }],
    ["gateway (10.1.0.0)", { Gateway: "10.1.0.0" }],
    ["secondary ip address (a:10.1.0.1)", { AuxiliaryAddresses: { a: "10.1.0.1" } }],
    ["secondary ip address (a:10.1.0.5)", { Gateway: "10.1.0.5", AuxiliaryAddresses: { a: "10.1.0.5" } }],
    ["secondary ip address (b:10.1.0.5)", { AuxiliaryAddresses: { a: "10.1.0.5", b: "10.1.0.5" } }],
    ["secondary ip address (a:10.1.0.7)", { AuxiliaryAddresses: { a: "10.1.0.7" } }],
  ])("are somebody's once: %s", (what, config) => {
    expect(() => make(subnet(config))).toThrow(`failed to allocate ${what}: Address already in use`);
  });

  test("are its gateway first: that of the range where there is one, as with dockerd", () => {
    const gateway = (config: object) => make(subnet(config)).ipv4?.gateway;
    expect(gateway({})).toBe("10.1.0.1");
    expect(gateway({ IPRange: "10.1.0.0/30" })).toBe("10.1.0.1");
    expect(gateway({ IPRange: "10.1.0.4/30" })).toBe("10.1.0.4");
    expect(gateway({ IPRange: "10.1.0.4/30", Gateway: "10.1.0.2" })).toBe("10.1.0.2");
  });

  test("of IPv6 have no broadcast among them", () => {
    const six = (Gateway: string) => ({
      EnableIPv6: true,
      EnableIPv4: false,
      IPAM: { Driver: "default", Config: [{ Subnet: "fd77::/64", Gateway }] },
    });
    expect(make(six("fd77::ffff:ffff:ffff:ffff")).ipv6?.gateway).toBe("fd77::ffff:ffff:ffff:ffff");
    expect(() => make(six("fd77::"))).toThrow("failed to allocate gateway (fd77::): Address already in use");
  });
});

describe("a network on a device of the host", () => {
  const on = (Driver: string, Options: object, more: object = {}) => make({ Driver, Options, ...more });

  test("has its own dummy device where it names none", () => {
    expect(on("macvlan", {}).device).toMatchObject({ kind: "macvlan", name: `dm-${"1".repeat(12)}`, mode: "bridge" });
    expect(on("ipvlan", {}).device).toMatchObject({ parent: `di-${"1".repeat(12)}`, mode: "l2", flag: "bridge" });
  });

  test("keeps an address for a gateway where containers send to one", () => {
    const gateway = (driver: string, options: object, more?: object) => on(driver, options, more).ipv4?.gateway;
    expect(gateway("macvlan", {})).toBe("10.99.0.1");
    expect(gateway("macvlan", {}, { Internal: true })).toBeNull();
    expect(gateway("ipvlan", { ipvlan_mode: "l3" })).toBeNull();
    expect(gateway("ipvlan", { ipvlan_mode: "l2" })).toBe("10.99.0.1");
  });

  test("has several subnets of a family, each with a gateway, none overlapping another; a bridge has one", () => {
    const several = (...subnets: string[]) => ({ IPAM: { Config: subnets.map((Subnet) => ({ Subnet })) } });
    const two = on("macvlan", {}, several("10.1.0.0/30", "10.2.0.0/24"));
    expect(two.ipv4).toMatchObject({ subnet: "10.1.0.0/30", gateway: "10.1.0.1" });
    expect(two.ipv4?.further).toMatchObject([{ subnet: "10.2.0.0/24", gateway: "10.2.0.1", userSubnet: true }]);
    const overlap = "Pool overlaps with other one on this address space";
    expect(() => on("macvlan", {}, several("10.1.0.0/24", "10.1.0.128/25"))).toThrow(overlap);
    const other = new Map([["f".repeat(64), { ...two, name: "other" }]]);
    expect(() => make(several("10.2.0.0/16"), other)).toThrow(overlap);
    expect(() => make(several("10.3.0.0/24", "10.4.0.0/24"))).toThrow("bridge driver doesn't support multiple subnets");
  });

  test("may have the subnet that the host has on its parent, a bridge may not", () => {
    const request = { ...subnet({}), Options: { parent: "eth7" } };
    const used = [{ family: "ipv4", base: 0x0a010000n, prefix: 16 }] as const;
    const context = { id: "2".repeat(64), existing: new Map(), pools: [], mtu: 1500, defaults: {}, used };
    const asked = (Driver: string) => v.parse(NetworkCreateRequest, { Name: "made", Driver, ...request });
    expect(recordOf(asked("macvlan"), context).ipv4?.subnet).toBe("10.1.0.0/29");
    expect(() => recordOf(asked("bridge"), context)).toThrow("Pool overlaps");
  });

  test("shares its parent with others unless one is in passthru mode, and an ipvlan's with no ipvlan", () => {
    const others = (driver: string, options: object) =>
      new Map([["f".repeat(64), { ...on(driver, { parent: "eth7", ...options }), name: "other" }]]);
    const beside = (present: ReturnType<typeof others>, Driver: string, options: object = {}) =>
      make({ Driver, Options: { parent: "eth7", ...options }, ...subnet({}) }, present).driver;
    expect(beside(others("macvlan", {}), "macvlan")).toBe("macvlan");
    expect(beside(others("macvlan", {}), "ipvlan")).toBe("ipvlan");
    expect(() => beside(others("macvlan", {}), "macvlan", { macvlan_mode: "passthru" })).toThrow(
      "cannot use mode passthru",
    );
    expect(() => beside(others("macvlan", { macvlan_mode: "passthru" }), "macvlan")).toThrow("in mode passthru");
    expect(() => beside(others("ipvlan", {}), "ipvlan")).toThrow(
      `network di-${"1".repeat(12)} is already using parent interface eth7`,
    );
  });
});
