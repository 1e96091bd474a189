/** The daemon's flags of IPv6, and what its first IPv6 network does to the host. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NetdClient } from "../../src/networks/netd-client.ts";
import { run, succeed, until } from "../harness/command.ts";
import { dhowBinary, TestDaemon } from "../harness/daemon.ts";
import { freshName } from "../harness/fresh-name.ts";
import { busyboxTar } from "../harness/images.ts";
import { address6Of, ask, Outside, pythonIn } from "./network-outside.ts";

async function withFlags(...flags: string[]): Promise<TestDaemon> {
  const daemon = await TestDaemon.start({ flags });
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  return daemon;
}

const shown = async (daemon: TestDaemon, script: string): Promise<string> =>
  (await daemon.dhow("run", "--rm", "busybox", "sh", "-c", script)).stdout;

test("--ipv6 gives the default bridge a subnet, which stays over a restart and goes with the flag", async () => {
  const flags = ["--ipv6"];
  await using daemon = await TestDaemon.start({ flags });
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  const subnetOf = async () =>
    (await daemon.dhow("network", "inspect", "-f", "{{(index .IPAM.Config 1).Subnet}}", "bridge")).stdout.trim();
  const subnet = await subnetOf();
  expect(subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
  await daemon.dhow("run", "-d", "--name", "web", "-p", `${daemon.port(1)}:80`, "busybox", "httpd", "-f", "-p", "80");
  const top =
    "{{.NetworkSettings.GlobalIPv6Address}} {{.NetworkSettings.GlobalIPv6PrefixLen}} {{.NetworkSettings.IPv6Gateway}}";
  const base = subnet.replace("/64", "");
  expect((await daemon.dhow("inspect", "-f", top, "web")).stdout).toBe(`${base}2 64 ${base}1\n`);
  await until("the server", async () => (await ask(null, `http://[${base}2]/`)) === 404);
  expect(await ask(null, `http://[::1]:${daemon.port(1)}/`)).toBe(404);
  await daemon.restart();
  expect(await subnetOf()).toBe(subnet);
  expect(await ask(null, `http://[::1]:${daemon.port(1)}/`)).toBe(404);
  await daemon.dhow("rm", "-f", "web");
  flags.length = 0;
  await daemon.restart();
  expect(await shown(daemon, "ip -6 addr show dev eth0")).toBe("");
  expect(await succeed(["ip", "-6", "addr", "show", "dev", daemon.bridge])).toBe("");
}, 30_000);

test("--fixed-cidr-v6, --bip6 and --default-gateway-v6 choose addresses and the way out", async () => {
  const flags: string[] = [];
  await using daemon = await TestDaemon.start({ flags });
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  const prefix = `fd00:dd:1:${daemon.slot}`;
  const script = "ip -6 addr show dev eth0 scope global; ip -6 route";
  flags.push("--ipv6", `--fixed-cidr-v6=${prefix}::/80`);
  await daemon.restart();
  const alone = await shown(daemon, script);
  expect(alone).toContain(`inet6 ${prefix}::2/80`);
  expect(alone).toContain(`default via ${prefix}::1 dev eth0`);
  flags.push(`--bip6=${prefix}::9/64`, `--default-gateway-v6=${prefix}::fe`);
  await daemon.restart();
  const chosen = await shown(daemon, script);
  expect(chosen).toContain(`inet6 ${prefix}::1/64`);
  expect(chosen).toContain(`default via ${prefix}::fe dev eth0`);
  const config = (await daemon.dhow("network", "inspect", "-f", "{{json (index .IPAM.Config 1)}}", "bridge")).stdout;
  expect(JSON.parse(config)).toEqual({
    ...{ Subnet: `${prefix}::/64`, IPRange: `${prefix}::/80`, Gateway: `${prefix}::9` },
    AuxiliaryAddresses: { DefaultGatewayIPv6: `${prefix}::fe` },
  });
}, 30_000);

test("default-network-opts and IPv6 address pools are for networks that say nothing themselves", async () => {
  const mtu = "com.docker.network.driver.mtu";
  const flags = [
    `--default-network-opt=bridge=${mtu}=1420`,
    "--default-network-opt=bridge=com.docker.network.enable_ipv6=true",
  ];
  await using daemon = await TestDaemon.start({ flags });
  const pool = `fd00:dd:1:${daemon.slot}`;
  flags.push(`--default-address-pool=base=${pool}::/64,size=112`);
  await daemon.restart();
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  const inspect = async (name: string) =>
    (await daemon.dhow("network", "inspect", "-f", "{{.EnableIPv6}} {{json .Options}} {{json .IPAM.Config}}", name))
      .stdout;
  await daemon.dhow("network", "create", "quiet");
  await daemon.dhow("network", "create", "--ipv6=false", "-o", `${mtu}=1430`, "loud");
  const quiet = await inspect("quiet");
  expect(quiet).toContain("true {");
  expect(quiet).toContain(`"${mtu}":"1420"`);
  expect(quiet).toContain(`"Subnet":"${pool}::/112"`);
  const loud = await inspect("loud");
  expect(loud).toContain("false {");
  expect(loud).toContain(`"${mtu}":"1430"`);
  const size = await daemon.dhow("run", "--rm", "--network", "quiet", "busybox", "cat", "/sys/class/net/eth0/mtu");
  expect(size.stdout).toBe("1420\n");
}, 30_000);

test("--ip6tables=false makes no rules for IPv6, serves it by proxies and leaves IPv4 as it was", async () => {
  await using daemon = await withFlags("--ip6tables=false");
  await using outside = await Outside.of(daemon);
  await daemon.dhow("network", "create", "--ipv6", "dual");
  const port = daemon.port(2);
  await daemon.dhow(
    "run",
    "-d",
    "--name",
    "web",
    "--network",
    "dual",
    "-p",
    `${port}:80`,
    "busybox",
    "httpd",
    "-f",
    "-p",
    "80",
  );
  const address = await address6Of(daemon, "web", "dual");
  await until("the server", async () => (await ask(null, `http://[${address}]/`)) === 404);
  for (const host of ["127.0.0.1", "[::1]", `[${outside.hostAddress6}]`]) {
    expect(await ask(null, `http://${host}:${port}/`)).toBe(404);
  }
  for (const host of [outside.hostAddress, `[${outside.hostAddress6}]`, `[${address}]`]) {
    expect(await outside.ask(`http://${host}:${host.includes(address) ? 80 : port}/`)).toBe(404);
  }
  const tables = (await succeed(["nft", "list", "ruleset"])).split(/^(?=table )/m);
  expect(tables.filter((table) => table.includes(daemon.bridge)).map((table) => table.slice(0, 9))).toEqual([
    "table ip ",
  ]);
  await daemon.dhow("rm", "-f", "web");
}, 30_000);

/** A router's advertisement (RFC 4861 section 4.2) of itself as a way out, for half an hour. */
const advertise = `import socket,struct
import time
s=socket.socket(10,3,58);s.setsockopt(41,18,255);s.setsockopt(41,17,socket.if_nametoindex("eth0"))
while 1:
 try: s.sendto(struct.pack("!BBHBBHII",134,0,0,64,0,1800,0,0),("ff02::1",0));break
 except OSError: time.sleep(.05)
print("sent")`;

test("a host that has its way out from a router's advertisement keeps it when it begins to forward", async () => {
  const [netns, router] = [await freshName("dhowra"), await freshName("dhowrb")];
  const execRoot = mkdtempSync(join(tmpdir(), "dhow-ra-"));
  const inside = (...command: string[]) => succeed(["ip", "netns", "exec", netns, ...command]);
  for (const name of [netns, router]) await succeed(["ip", "netns", "add", name]);
  const links = ["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", router];
  await succeed(["ip", "-n", netns, ...links]);
  for (const name of [netns, router]) await succeed(["ip", "-n", name, "link", "set", "eth0", "up"]);
  const netd = Bun.spawn(
    ["ip", "netns", "exec", netns, dhowBinary, "netd", "--exec-root", execRoot, "--instance", "dhowra"],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const firewall = { ipv4: true, ipv6: true };
  const socket = join(execRoot, "netd.sock");
  const client = new NetdClient({ execRoot, socket, instance: "dhowra", firewall, ipForward: true, proxies: true });
  try {
    await until("netd", () => existsSync(socket));
    const learned = async () => (await inside("ip", "-6", "route")).includes("default via fe80::");
    await until("a route", async () => {
      await (await pythonIn(`/run/netns/${router}`, advertise)).exited;
      return learned();
    });
    const bridge = {
      name: "dhowra0",
      mtu: 1500,
      icc: true,
      masquerade: true,
      internal: false,
      trusted: [],
      direct: false,
      pooled: false,
    };
    const family = (subnet: string, address: string) => ({ subnet, address, mode: "nat" }) as const;
    const ipv4 = family("10.211.0.0/24", "10.211.0.1/24");
    await client.call("ensureBridge", { ...bridge, ipv4, ipv6: null });
    expect(await inside("cat", "/proc/sys/net/ipv6/conf/all/forwarding")).toBe("0");
    await client.call("ensureBridge", { ...bridge, ipv4, ipv6: family("fd00:dd:5::/64", "fd00:dd:5::1/64") });
    expect(await inside("cat", "/proc/sys/net/ipv6/conf/all/forwarding")).toBe("1");
    expect(await learned()).toBe(true);
    // And hears the next one too.
    await inside("ip", "-6", "route", "del", "default");
    await until("the route again", async () => {
      await (await pythonIn(`/run/netns/${router}`, advertise)).exited;
      return learned();
    });
    expect(await inside("cat", "/proc/sys/net/ipv6/conf/dhowra0/accept_ra")).toBe("0");
  } finally {
    await client.shutdown();
    await client[Symbol.asyncDispose]();
    await netd.exited;
    for (const name of [netns, router]) await run(["ip", "netns", "delete", name]);
    rmSync(execRoot, { recursive: true });
  }
}, 30_000);
