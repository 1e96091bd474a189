import { expect, test } from "bun:test";
import { emptyEndpoint } from "../api/networks.ts";
import { outwardNetworks, type Wanted } from "./endpoints.ts";
import { hostsText, parseResolv, resolvText } from "./files.ts";
import { pickSubnet } from "./ipam.ts";
import { cidrText, parseAddress, parseCidr } from "./netd/ip.ts";
import type { GatewayMode } from "./netd/protocol.ts";
import { planPorts, portMapOf } from "./ports-plan.ts";
import type { NetworkRecord } from "./record.ts";

test.each(["1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "", "a.b.c.d"])("parseAddress() refuses %p", (text) => {
  expect(parseAddress(text)).toBeUndefined();
});

test("parseCidr() gives the address and its network", () => {
  const parsed = parseCidr("10.213.4.9/22");
  expect(parsed && cidrText(parsed.cidr)).toBe("10.213.4.0/22");
  expect(parseCidr("10.0.0.0/33")).toBeUndefined();
});

test("pickSubnet() skips what is in use and ends with Docker's words", () => {
  const pools = [{ base: "10.1.0.0/16", size: 17 }];
  const used = [parseCidr("10.1.3.0/24")?.cidr].filter((cidr) => cidr !== undefined);
  expect(cidrText(pickSubnet("ipv4", pools, used))).toBe("10.1.128.0/17");
  expect(() => pickSubnet("ipv4", pools, [{ family: "ipv4", base: 0n, prefix: 0 }])).toThrow(
    "all predefined address pools",
  );
});

const way = { address: "10.0.0.2", mode: "nat", hostBinding: "0.0.0.0" } as const;
const base = { bindings: {}, exposed: [], publishAll: false, proxies: true, ways: { ipv4: way, ipv6: null } };

test("planPorts() puts fixed ports before free ones and publishes every exposed port when asked", () => {
  const specs = planPorts({
    ...base,
    bindings: { "80/tcp": [{ HostIp: "", HostPort: "" }], "81": [{ HostIp: "127.0.0.1", HostPort: "90-95" }] },
    exposed: ["53/udp"],
    publishAll: true,
  });
  expect(specs.map(({ binds, ...spec }) => [...Object.values(spec), ...binds.map(({ host }) => host)])).toEqual([
    ["tcp", 81, 90, 95, "127.0.0.1"],
    ["tcp", 80, 0, 0, "0.0.0.0", "::"],
    ["udp", 53, 0, 0, "0.0.0.0", "::"],
  ]);
});

const way6 = { ...way, address: "fd00::2" };
const mode = (name: GatewayMode) => ({ ipv4: { ...way, mode: name }, ipv6: { ...way6, mode: name } });
const bound = (hostBinding: string) => ({ ipv4: { ...way, hostBinding }, ipv6: { ...way6, hostBinding } });
const both = { ipv4: way, ipv6: way6 };

// By the rules of dockerd 28.5.
test.each([
  ["", both, ["0.0.0.0 10.0.0.2", ":: fd00::2"]],
  ["127.0.0.1", both, ["127.0.0.1 10.0.0.2"]],
  ["::1", both, ["::1 fd00::2"]],
  ["", { ipv4: way, ipv6: null }, ["0.0.0.0 10.0.0.2", ":: 10.0.0.2"]],
  ["::1", { ipv4: way, ipv6: null }, ["::1 10.0.0.2"]],
  ["", { ipv4: null, ipv6: way6 }, [":: fd00::2"]],
  ["127.0.0.1", { ipv4: null, ipv6: way6 }, undefined],
  ["", bound("::1"), ["::1 fd00::2"]],
  ["", bound("192.0.2.1"), ["192.0.2.1 10.0.0.2"]],
  ["", bound("::"), [":: fd00::2"]],
  ["", mode("routed"), ["0.0.0.0 10.0.0.2 opened", ":: fd00::2 opened"]],
  ["127.0.0.1", mode("routed"), ["0.0.0.0 10.0.0.2 opened"]],
  ["", { ipv4: way, ipv6: mode("routed").ipv6 }, ["0.0.0.0 10.0.0.2", ":: fd00::2 opened"]],
  ["", { ipv4: mode("routed").ipv4, ipv6: null }, ["0.0.0.0 10.0.0.2 opened"]],
  ["", mode("nat-unprotected"), ["0.0.0.0 10.0.0.2", ":: fd00::2"]],
])("planPorts() binds host address %p by the ways %j", (HostIp, ways, wanted) => {
  const [spec] = planPorts({ ...base, ways, bindings: { "80/tcp": [{ HostIp, HostPort: "8080" }] } });
  const shown = spec?.binds.map((bind) => `${bind.host} ${bind.address}${bind.opened ? " opened" : ""}`);
  expect(shown).toEqual(wanted);
});

test("outwardNetworks() gives each family to the network that leads farthest, by priority and then by name", () => {
  const addressing = (subnet: string, gateway: string) => ({
    subnet,
    gateway,
    range: subnet,
    reserved: [],
    userSubnet: false,
  });
  const [ipv4, ipv6] = [addressing("10.0.0.0/24", "10.0.0.1"), addressing("fd00::/64", "fd00::1")];
  const network = (name: string, more: Partial<NetworkRecord>, GwPriority = 0): Wanted => {
    const record = { name, internal: false, ipv4: null, ipv6: null, ...more } as NetworkRecord;
    return [name, [record, { ...emptyEndpoint(), GwPriority }]];
  };
  const outward = (...wanted: Wanted[]) => {
    const found = outwardNetworks(wanted);
    return [found.ipv4?.[0], found.ipv6?.[0]];
  };
  const [a, b, c] = [network("a", { ipv4 }), network("b", { ipv4, ipv6 }), network("c", { ipv6 })];
  expect(outward(a, b, c)).toEqual(["b", "b"]);
  expect(outward(c, a)).toEqual(["a", "c"]);
  expect(outward(network("z", { ipv4 }), a)).toEqual(["a", undefined]);
  expect(outward(b, network("z", { ipv4 }, 1))).toEqual(["z", "b"]);
  expect(outward(network("b", { ipv4, ipv6, internal: true }, 9), a)).toEqual(["a", undefined]);
});

test.each(["0/tcp", "65536", "80/icmp", "x"])("planPorts() refuses the container port %p", (key) => {
  expect(() => planPorts({ ...base, bindings: { [key]: [{ HostIp: "", HostPort: "" }] } })).toThrow("invalid");
});

test("portMapOf() shows exposed ports that are not published as null", () => {
  expect(portMapOf([], ["80/tcp"])).toEqual({ "80/tcp": null });
});

const hosts = { hostname: "c", domainname: "", addresses: ["10.0.0.2"], extraHosts: [], hostGateways: ["10.0.0.1"] };

test("hostsText() writes Docker's lines, extra hosts before the container's own", () => {
  const text = hostsText({ ...hosts, domainname: "d.e", extraHosts: ["h:host-gateway", "v6:[::5]"] });
  expect(text).toEndWith("10.0.0.1\th\n::5\tv6\n10.0.0.2\tc.d.e c\n");
});

test.each([
  ["foo.example.com", "", "foo.example.com foo"],
  ["foo.example.com", "bar", "foo.example.com.bar foo"],
  ["foo", "", "foo"],
])("hostsText() gives %p of domain %p its full and its short name", (hostname, domainname, names) => {
  expect(hostsText({ ...hosts, hostname, domainname })).toEndWith(`\n10.0.0.2\t${names}\n`);
});

test.each([
  { hostname: "c\n6.6.6.6\tgoogle.com" },
  { domainname: "d\ne" },
  { extraHosts: ["a b:1.2.3.4"] },
  { extraHosts: ["a:1.2.3.4\n6.6.6.6 b"] },
  { extraHosts: ["nonsense"] },
])("hostsText() refuses %p, which would write a line of its own", (more) => {
  expect(() => hostsText({ ...hosts, ...more })).toThrow();
});

test("hostsText() names the host, unless the user gave its name to another", () => {
  const lines = (more: object) => hostsText({ ...hosts, hostAddresses: ["10.9.0.1"], ...more }).split("\n");
  expect(lines({})).toContain("10.9.0.1\thost.docker.internal host.containers.internal");
  expect(lines({ extraHosts: ["host.docker.internal:192.0.2.5"] }).filter((line) => line.includes("internal"))).toEqual(
    ["192.0.2.5\thost.docker.internal", "10.9.0.1\thost.containers.internal"],
  );
  expect(hostsText(hosts)).not.toContain("internal");
});

test("resolvText() takes what was asked for and refuses a server that is no address", () => {
  const input = { servers: ["1.1.1.1"], search: ["."], options: ["ndots:2"], ownNamespace: true, nameService: false };
  const parts = resolvText(input).split("\n\n");
  expect(parts[1]).toBe("nameserver 1.1.1.1\noptions ndots:2");
  expect(parts[2]).toBe(
    "# Based on host file: '/etc/resolv.conf' (legacy)\n# Overrides: [nameservers search options]\n# Option ndots from: override\n",
  );
  expect(
    resolvText({ ...input, options: ["timeout:1"], nameService: true })
      .split("\n\n")
      .slice(1),
  ).toEqual([
    "nameserver 127.0.0.11\noptions timeout:1 ndots:0",
    "# Based on host file: '/etc/resolv.conf' (internal resolver)\n# ExtServers: [1.1.1.1]\n# Overrides: [nameservers search options]\n# Option ndots from: internal\n",
  ]);
  expect(() => resolvText({ ...input, servers: ["1.1.1.1\nnameserver 6.6.6.6"] })).toThrow("invalid DNS address");
  expect(() => resolvText({ ...input, search: ["a\nb"] })).toThrow("invalid DNS option");
});

test("parseResolv() reads comments, options and the last search list", () => {
  expect(parseResolv("# x\nnameserver 9.9.9.9 # y\nsearch a\nsearch b c\noptions timeout:1\n")).toEqual({
    servers: ["9.9.9.9"],
    search: ["b", "c"],
    options: ["timeout:1"],
  });
});
