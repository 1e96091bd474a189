/** Networks with IPv6: what they say of themselves, what their containers have, and what is refused. */
import { describe, expect, test } from "bun:test";
import type { EndpointSettings, IPAMConfig } from "../../src/api/networks.ts";
import { type Client, clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const prefix = (): string => `fd00:dd:1:${daemon().slot}`;

async function configOf(network: string): Promise<IPAMConfig[]> {
  return JSON.parse((await daemon().dhow("network", "inspect", "-f", "{{json .IPAM.Config}}", network)).stdout);
}

async function endpointOf(container: string, network: string): Promise<EndpointSettings> {
  const format = `{{json (index .NetworkSettings.Networks "${network}")}}`;
  return JSON.parse((await daemon().dhow("inspect", "-f", format, container)).stdout);
}

/** Runs a shell in a container of that network, and gives what it said. */
async function said(client: Client, network: string, script: string, ...flags: string[]): Promise<string> {
  const result = await daemon().run(
    client,
    "run",
    "--rm",
    "--network",
    network,
    ...flags,
    "busybox",
    "sh",
    "-c",
    script,
  );
  if (result.code !== 0) throw new Error(result.stderr);
  return result.stdout;
}

describe.each([...clients])("IPv6 through %s", (client) => {
  test("--ipv6 gives a subnet of the engine's own, and containers an address, a way out and lines in /etc/hosts", async () => {
    const network = `auto-${client}`;
    expect((await daemon().run(client, "network", "create", "--ipv6", network)).stderr).toBe("");
    const [ipv4, ipv6] = await configOf(network);
    expect(ipv4?.Subnet).toStartWith("10.214.");
    expect(ipv6?.Subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
    const subnet = ipv6?.Subnet?.replace("/64", "") ?? "";
    expect(ipv6?.Gateway).toBe(`${subnet}1`);
    const shown = await said(
      client,
      network,
      "ip -6 addr show dev eth0 scope global; ip -6 route; cat /etc/hosts /proc/sys/net/ipv6/conf/eth0/*cept_ra; ping -6 -c 1 -W 2 $(ip -6 route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')",
      ...["--hostname", "here", "--name", network],
    );
    expect(shown).toContain(`inet6 ${subnet}2/64 scope global`);
    expect(shown).toContain(`default via ${subnet}1 dev eth0`);
    expect(shown).toContain(`\n${subnet}2\there\n`);
    expect(shown).toContain("1 packets received");
    expect(shown).toContain("\n0\n");
    await daemon().dhow("network", "rm", network);
  });

  test("--ipv4=false leaves IPv6 alone", async () => {
    const network = `only-${client}`;
    const made = await daemon().run(client, "network", "create", "--ipv4=false", "--ipv6", network);
    expect(made.stderr).toBe("");
    const flags = await daemon().dhow("network", "inspect", "-f", "{{.EnableIPv4}} {{.EnableIPv6}}", network);
    expect(flags.stdout).toBe("false true\n");
    expect(await configOf(network)).toHaveLength(1);
    const shown = await said(client, network, "ip addr show dev eth0; cat /etc/hosts");
    expect(shown).not.toMatch(/inet \d/);
    expect(shown).toContain("scope global");
    await daemon().dhow("network", "rm", network);
    const neither = await daemon().run(client, "network", "create", "--ipv4=false", "neither");
    expect(neither.stderr).toContain("IPv4 or IPv6 must be enabled");
  });

  test("subnet, range, gateway and reserved addresses of both families; inspect shows them as they were given", async () => {
    const v4 = `10.215.${daemon().slot}`;
    const made = await daemon().run(
      client,
      ...["network", "create", "--ipv6", "--subnet", `${prefix()}::/64`, "--gateway", `${prefix()}::ff`],
      ...["--ip-range", `${prefix()}::100/120`, "--aux-address", `a=${prefix()}::100`, "--subnet", `${v4}.0/24`],
      "full",
    );
    expect(made.stderr).toBe("");
    const given = {
      ...{ Subnet: `${prefix()}::/64`, IPRange: `${prefix()}::100/120`, Gateway: `${prefix()}::ff` },
      AuxiliaryAddresses: { a: `${prefix()}::100` },
    };
    const configs = await configOf("full");
    expect(configs).toHaveLength(2);
    expect(configs).toContainEqual(given);
    expect(configs).toContainEqual({ Subnet: `${v4}.0/24` });
    await daemon().run(client, "run", "-d", "--name", "in-range", "--network", "full", "busybox", "sleep", "300");
    expect(await endpointOf("in-range", "full")).toMatchObject({
      ...{ IPAddress: `${v4}.2`, IPPrefixLen: 24, Gateway: `${v4}.1` },
      ...{ GlobalIPv6Address: `${prefix()}::101`, GlobalIPv6PrefixLen: 64, IPv6Gateway: `${prefix()}::ff` },
    });
    const members = await daemon().dhow(
      "network",
      "inspect",
      "-f",
      "{{range .Containers}}{{.IPv6Address}}{{end}}",
      "full",
    );
    expect(members.stdout).toBe(`${prefix()}::101/64\n`);
    const fixed = ["--ip6", `${prefix().toUpperCase()}:0::55`];
    expect(await said(client, "full", "ip -6 addr show dev eth0", ...fixed)).toContain(`${prefix()}::55/64`);
    const twice = await daemon().run(
      client,
      ...["run", "--rm", "--network", "full", "--ip6", `${prefix()}::101`],
      ...["busybox", "true"],
    );
    expect(twice.stderr).toContain("Address already in use");
    await daemon().dhow("rm", "-f", "in-range");
    await daemon().dhow("network", "rm", "full");
  });

  test("connect --ip6 and disconnect change a running container's addresses, routes and /etc/hosts", async () => {
    const [first, second] = [`first-${client}`, `second-${client}`];
    await daemon().dhow("network", "create", first);
    await daemon().dhow("network", "create", "--ipv6", "--subnet", `${prefix()}::/64`, second);
    await daemon().dhow("run", "-d", "--name", "mover", "--network", first, "busybox", "sleep", "300");
    const inside = async (): Promise<string> =>
      (await daemon().dhow("exec", "mover", "sh", "-c", "ip -6 route; ip route; cat /etc/hosts")).stdout;
    expect(await inside()).not.toContain(prefix());
    const connected = await daemon().run(client, "network", "connect", "--ip6", `${prefix()}::7`, second, "mover");
    expect(connected.stderr).toBe("");
    expect((await endpointOf("mover", second)).GlobalIPv6Address).toBe(`${prefix()}::7`);
    // IPv6 leaves by the only network that has it; as with dockerd, a network of both families goes before one of IPv4.
    expect(await inside()).toContain(`default via ${prefix()}::1 dev eth1`);
    expect(await inside()).toMatch(/default via [\d.]+ dev eth1/);
    expect(await inside()).toContain(`\n${prefix()}::7\t`);
    await daemon().run(client, "network", "disconnect", second, "mover");
    expect(await inside()).not.toContain(prefix());
    expect(await inside()).toMatch(/default via [\d.]+ dev eth0/);
    await daemon().dhow("rm", "-f", "mover");
    for (const network of [first, second]) await daemon().dhow("network", "rm", network);
  });

  test("what cannot be is refused in dockerd's words", async () => {
    const create = async (...flags: string[]) =>
      (await daemon().run(client, "network", "create", "--ipv6", ...flags, "refused")).stderr;
    const subnet = `${prefix()}::/64`;
    const mode = "com.docker.network.bridge.gateway_mode_ipv6";
    expect(await create("--subnet", `${prefix()}::1/64`)).toContain(
      `invalid subnet ${prefix()}::1/64: it should be ${subnet}`,
    );
    expect(await create("--subnet", subnet, "--subnet", "fd00:dd:9::/64")).toContain(
      "bridge driver doesn't support multiple subnets",
    );
    expect(await create("--subnet", subnet, "--gateway", "fd00:dd:9::1")).toContain(
      "no matching subnet for gateway fd00:dd:9::1",
    );
    expect(await create("--gateway", "fd00:dd:9::1")).toContain(
      "every ip-range or gateway must have a corresponding subnet",
    );
    expect(await create("-o", `${mode}=isolated`)).toContain(
      "gateway mode 'isolated' can only be used for an internal network",
    );
    expect(await create("-o", `${mode}=bogus`)).toContain(
      `failed to parse ${mode} value: bogus (unknown gateway mode bogus)`,
    );
    expect(await create("--subnet", subnet)).toBe("");
    const overlap = await daemon().run(client, "network", "create", "--ipv6", "--subnet", `${prefix()}::/80`, "over");
    expect(overlap.stderr).toContain("Pool overlaps with other one on this address space");
    const start = async (...flags: string[]) =>
      (await daemon().run(client, "run", "--rm", ...flags, "busybox", "true")).stderr;
    expect(await start("--network", "refused", "--ip6", "fd00:dd:9::1")).toContain(
      "invalid config for network refused: invalid endpoint settings:\nno configured subnet or ip-range contain the IP address fd00:dd:9::1",
    );
    expect(await start("--ip6", "fd00:dd:9::1")).toContain(
      "* user specified IP address is supported on user defined networks only\n* user specified IP address is supported only when",
    );
    await daemon().dhow("network", "rm", "refused");
    // Without --ipv6 such a subnet is passed over, and a family can be asked for by an option.
    expect((await daemon().run(client, "network", "create", "--subnet", subnet, "passed")).stderr).toBe("");
    const option = "com.docker.network.enable_ipv6=true";
    expect((await daemon().run(client, "network", "create", "-o", option, "asked")).stderr).toBe("");
    const flags = await daemon().dhow("network", "inspect", "-f", "{{.EnableIPv6}}", "passed", "asked");
    expect(flags.stdout).toBe("false\ntrue\n");
    await daemon().dhow("network", "rm", "passed", "asked");
  });

  test("names: AAAA and PTR of a container, and nothing of a family that it has not", async () => {
    await daemon().dhow("network", "create", "--ipv6", "--subnet", `${prefix()}::/64`, "named");
    await daemon().dhow("run", "-d", "--name", "target", "--network", "named", "busybox", "sleep", "300");
    const { IPAddress, GlobalIPv6Address } = await endpointOf("target", "named");
    const shown = await said(client, "named", `nslookup target; nslookup ${GlobalIPv6Address}; ping -6 -c 1 target`);
    expect(shown).toContain(`Address: ${IPAddress}\n`);
    expect(shown).toContain(`Address: ${GlobalIPv6Address}\n`);
    expect(shown).toContain("name = target.named\n");
    expect(shown).toContain("1 packets received");
    await daemon().dhow("rm", "-f", "target");
    await daemon().dhow("network", "rm", "named");
  });
});
