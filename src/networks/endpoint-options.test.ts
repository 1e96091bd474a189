import { describe, expect, test } from "bun:test";
import { emptyEndpoint } from "../api/networks.ts";
import { InterfaceNames, optionComplaints, sysctlsOf } from "./endpoint-options.ts";

const named = (ifname: string) => ({
  ...emptyEndpoint(),
  DriverOpts: { "com.docker.network.endpoint.ifname": ifname },
});
const tuned = (sysctls: string) => ({ DriverOpts: { "com.docker.network.endpoint.sysctls": sysctls } });

describe("names of interfaces", () => {
  const plain = { options: {} };
  const lan = { options: { "com.docker.network.container_iface_prefix": "lan" } };

  test("count for each network's word by itself", () => {
    const names = new InterfaceNames();
    expect([plain, lan, plain, lan].map((one) => names.next(one, undefined))).toEqual(["eth0", "lan0", "eth1", "lan1"]);
  });

  test("pass over those that somebody asked for, and those that are taken", () => {
    const names = new InterfaceNames(["eth2"]);
    names.reserve([undefined, named("eth0")]);
    expect([undefined, named("eth0"), undefined].map((one) => names.next(plain, one))).toEqual([
      "eth1",
      "eth0",
      "eth3",
    ]);
  });

  test("are refused where another has them already", () => {
    const names = new InterfaceNames(["eth0"]);
    const taken = (name: string) => `failed to add interface to sandbox: interface name "${name}" is taken`;
    expect(() => names.next(plain, named("eth0"))).toThrow(taken("eth0"));
    expect(names.next(plain, named("own0"))).toBe("own0");
    expect(() => names.next(plain, named("own0"))).toThrow(taken("own0"));
  });

  test.each(["a/b", "lo", ".", "..", "with space", "with:colon", "sixteen-letters-", "ö".repeat(8)])(
    "%s is refused",
    (name) => expect(optionComplaints(named(name))).toEqual([`invalid interface name ${JSON.stringify(name)}`]),
  );

  test("of fifteen bytes are taken", () => expect(optionComplaints(named("fifteen-letters"))).toEqual([]));
});

describe("sysctls of an interface", () => {
  test("are read in small letters and in capitals", () => {
    const text = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.ifname.retrans_time=2 3";
    expect(optionComplaints(tuned(text))).toEqual([]);
    expect(sysctlsOf(tuned(text))).toEqual([
      { group: "ipv4/conf", name: "log_martians", value: "1" },
      { group: "ipv6/neigh", name: "retrans_time", value: "2 3" },
    ]);
  });

  test.each([
    "net.ipv4.conf.eth0.log_martians=1",
    "net.ipv4.ip_forward=1",
    "kernel.conf.IFNAME.x=1",
    "net.ipv4.conf.IFNAME.../../../../kernel/panic=1",
    "net.ipv4...IFNAME.x=1",
    "net.ipv4.conf.IFNAME.a.b=1",
  ])("%s is none", (text) => {
    expect(optionComplaints(tuned(text))).toEqual([
      `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    ]);
    expect(sysctlsOf(tuned(text))).toEqual([]);
  });

  test("have values", () => {
    expect(optionComplaints(tuned("net.ipv4.conf.IFNAME.x"))).toEqual([
      "expected sysctl 'net.ipv4.conf.IFNAME.x' to have format name=value",
    ]);
  });
});
