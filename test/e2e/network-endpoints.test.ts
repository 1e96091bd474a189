/** What an endpoint asks for by options: its interface's name and sysctls; and options of bridges that show inside or on the host. */
import { describe, expect, test } from "bun:test";
import { succeed } from "../harness/command.ts";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const ifname = (name: string) => `driver-opt=com.docker.network.endpoint.ifname=${name}`;
const sysctls = (text: string) => `driver-opt=com.docker.network.endpoint.sysctls=${text}`;
const devices = ["busybox", "ls", "/sys/class/net"];

describe("endpoints", () => {
  const daemon = withDaemon();

  test.each(clients)(
    "have the interface names and sysctls that %s asks for",
    async (client) => {
      const d = daemon();
      const ask = async (...args: string[]) => {
        const { stdout, stderr } = await d.run(client, ...args);
        return `${stdout}${stderr.split("\n\n")[0]?.replace(/^(docker|dhow): Error response from daemon: /, "")}`.trim();
      };
      await d.must("network", "create", "plain");
      await d.must("network", "create", "-o", "com.docker.network.container_iface_prefix=lan", "worded");
      const run = (...networks: string[]) => ["run", "--rm", ...networks.flatMap((one) => ["--network", one])];
      expect(await ask(...run("worded", "plain"), ...devices)).toBe("eth0\nlan0\nlo");
      expect(await ask(...run(`name=plain,${ifname("foo7")}`), ...devices)).toBe("foo7\nlo");
      // The number that a chosen name takes is given to no other.
      expect(await ask(...run("plain", `name=worded,${ifname("eth0")}`), ...devices)).toBe("eth0\neth1\nlo");
      expect(await ask(...run(`name=plain,${ifname("a/b")}`), "busybox", "true")).toBe(
        'invalid config for network plain: invalid endpoint settings:\ninvalid interface name "a/b"',
      );
      expect(
        await ask(...run(`name=plain,${ifname("one")}`, `name=worded,${ifname("one")}`), "busybox", "true"),
      ).toContain("failed to set up container networking: ");

      const martians = (device: string) => ["busybox", "cat", `/proc/sys/net/ipv4/conf/${device}/log_martians`];
      const set = sysctls("net.ipv4.conf.IFNAME.log_martians=1");
      expect(await ask(...run("plain"), ...martians("eth0"))).toBe("0");
      expect(await ask(...run(`name=plain,${set}`), ...martians("eth0"))).toBe("1");
      expect(await ask(...run(`name=plain,${set},${ifname("foo7")}`), ...martians("foo7"))).toBe("1");
      const refused = (text: string) => ask(...run(`name=plain,${sysctls(text)}`), "busybox", "true");
      expect(await refused("net.ipv4.ip_forward=1")).toContain(
        "unrecognised network interface sysctl 'net.ipv4.ip_forward=1'; represent",
      );
      const failed = "failed to set up container networking: failed to add interface to sandbox: ";
      expect(await refused("net.ipv4.conf.IFNAME.nosuch=1")).toBe(
        `${failed}/proc/sys/net/ipv4/conf/eth0/nosuch is not a sysctl file`,
      );
      const path = "/proc/sys/net/ipv4/conf/eth0/log_martians";
      expect(await refused("net.ipv4.conf.IFNAME.log_martians=abc")).toBe(
        `${failed}unable to write to '${path}': write ${path}: invalid argument`,
      );

      // A connection of a running container too, and again after its restart.
      await d.must("run", "-d", "--name", "box", "--network", "plain", "busybox", "sleep", "300");
      const option = ["--driver-opt", "com.docker.network.endpoint.ifname=foo3"];
      expect(await ask("network", "connect", ...option, "worded", "box")).toBe("");
      expect(await ask("exec", "box", "ls", "/sys/class/net")).toBe("eth0\nfoo3\nlo");
      await d.must("restart", "-t", "0", "box");
      expect(await ask("exec", "box", "ls", "/sys/class/net")).toBe("eth0\nfoo3\nlo");
      await d.must("rm", "-f", "box");
      await d.must("network", "rm", "plain", "worded");
    },
    60_000,
  );

  test.each(clients)("%s gives an interface link-local addresses, over which neighbours meet", async (client) => {
    const d = daemon();
    await d.must("network", "create", "links");
    await d.must("network", "create", "--ipv6", "links6");
    const shown = async (...args: string[]) => (await d.run(client, ...args)).stdout.trim();
    const told = async (...args: string[]) => (await d.run(client, ...args)).stderr.trim();
    const addresses = (family: string) => ["ip", "-o", family, "address", "show", "eth0"];
    const at = ["--link-local-ip", "169.254.7.7", "--link-local-ip", "169.254.7.8"];
    await d.must("run", "-d", "--name", "near", "--network", "links", ...at, "busybox", "sleep", "600");
    expect(await shown("exec", "near", ...addresses("-4"))).toMatch(/169\.254\.7\.7\/16 .*169\.254\.7\.8\/16 /s);
    expect(await shown("inspect", "-f", "{{.NetworkSettings.Networks.links.IPAMConfig.LinkLocalIPs}}", "near")).toBe(
      "[169.254.7.7 169.254.7.8]",
    );
    await d.must("create", "--name", "other", "--network", "none", "busybox", "sleep", "600");
    await d.must("network", "disconnect", "none", "other");
    expect((await d.run(client, "network", "connect", "--link-local-ip", "169.254.9.9", "links", "other")).code).toBe(
      0,
    );
    await d.must("start", "other");
    expect((await d.run(client, "exec", "other", "ping", "-c1", "-w5", "169.254.7.8")).code).toBe(0);
    const six = ["--network", "links6", "--link-local-ip", "fe80::77"];
    expect(await shown("run", "--rm", ...six, "busybox", ...addresses("-6"))).toContain("fe80::77/64 scope link");
    const refused = async (address: string) =>
      told("create", "--network", "links", "--link-local-ip", address, "busybox");
    const invalid = "invalid config for network links: invalid endpoint settings:\n";
    for (const none of ["foo", "10.1.2.3", "2001:db8::1"]) {
      expect(await refused(none)).toContain(`${invalid}invalid link-local IP address: ${none}`);
    }
    expect(await refused("fe80::1")).toContain(`${invalid}link-local IP address fe80::1 needs a network with IPv6`);
    await d.must("rm", "-f", "near", "other");
    await d.must("network", "rm", "links", "links6");
  });

  test("inhibit_ipv4 leaves the addresses of a bridge to its owner", async () => {
    const d = daemon();
    const bridge = `${d.bridge}i`;
    const own = `10.218.${d.slot}.250/24`;
    await succeed(["ip", "link", "add", bridge, "type", "bridge"]);
    try {
      await succeed(["ip", "addr", "add", own, "dev", bridge]);
      const create = (value: string) =>
        d.dhow(
          ...["network", "create", "-o", `com.docker.network.bridge.inhibit_ipv4=${value}`, "--ipv6=false"],
          ...["-o", `com.docker.network.bridge.name=${bridge}`, "inhibited"],
        );
      expect((await create("x")).stderr).toBe(
        'Error response from daemon: failed to parse com.docker.network.bridge.inhibit_ipv4 value: x (strconv.ParseBool: parsing "x": invalid syntax)\n',
      );
      expect((await create("true")).stderr).toBe("");
      const addresses = async () => (await succeed(["ip", "-4", "-o", "addr", "show", bridge])).match(/inet \S+/g);
      expect(await addresses()).toEqual([`inet ${own}`]);
      const gateway = (
        await d.must("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "inhibited")
      ).trim();
      const route = await d.must("run", "--rm", "--network", "inhibited", "busybox", "ip", "route");
      expect(route).toContain(`default via ${gateway} dev eth0`);
      await d.restart();
      expect(await addresses()).toEqual([`inet ${own}`]);
      await d.must("network", "rm", "inhibited");
      expect(await addresses()).toEqual([`inet ${own}`]);
    } finally {
      await succeed(["ip", "link", "delete", bridge]);
    }
  });

  test("address drivers and scopes that are not there are refused in Docker's words", async () => {
    const refusal = async (...args: string[]) => {
      const { stderr } = await daemon().dhow("network", "create", ...args, "refused");
      return stderr.replace("Error response from daemon: ", "").trim();
    };
    expect(await refusal("--ipam-driver", "null")).toBe("ipv4 pool is empty");
    expect(await refusal("--ipam-driver", "null", "--subnet", "10.9.0.0/24")).toBe(
      "null ipam driver does not handle specific address pool requests",
    );
    expect(await refusal("--ipam-driver", "nosuch")).toBe('plugin "nosuch" not found');
    expect(await refusal("--scope", "swarm")).toBe("cannot create a swarm scoped network when swarm is not active");
    expect(await refusal("--ingress")).toBe("Ingress network can only be global scope network");
  });

  test("a fixed address belongs to who runs with it; reserved and foreign ones are nobody's", async () => {
    const d = daemon();
    const net = `10.220.${d.slot}`;
    const refusal = async (...args: string[]) => {
      const { stderr } = await d.dhow(...args);
      return stderr
        .split("\n\n")[0]
        ?.replace(/^(dhow: )?Error response from daemon: /, "")
        .trim();
    };
    const failed = "failed to set up container networking: ";
    const config = "invalid config for network few: invalid endpoint settings:\n";
    await d.must("network", "create", "--subnet", `${net}.0/29`, "--aux-address", `r=${net}.4`, "few");
    const create = (name: string) =>
      d.must("create", "--name", name, "--network", "few", "--ip", `${net}.3`, "busybox", "sleep", "300");
    await create("one");
    await create("two");
    await d.must("start", "one");
    expect(await refusal("start", "two")).toContain("Address already in use");
    for (const last of [0, 1, 4, 7]) {
      expect(await refusal("run", "--rm", "--network", "few", "--ip", `${net}.${last}`, "busybox", "true")).toBe(
        `${failed}Address already in use`,
      );
    }
    for (const [text, complaint] of [
      ["10.1.2.3", "no configured subnet or ip-range contain the IP address 10.1.2.3"],
      ["what", "* invalid IPv4 address: what\n* no configured subnet or ip-range contain the IP address what"],
    ] as const) {
      expect(await refusal("run", "--rm", "--network", "few", "--ip", text, "busybox", "true")).toBe(
        config + complaint,
      );
    }
    await d.must("stop", "-t", "0", "one");
    await d.must("start", "two");
    expect(await refusal("start", "one")).toContain("Address already in use");
    // 2, 5 and 6 are left of eight: the edges, the gateway, the reserved one and that of `two` are not.
    for (const name of ["box1", "box2", "box3"])
      await d.must("run", "-d", "--name", name, "--network", "few", "busybox", "sleep", "300");
    const id = (await d.must("network", "inspect", "-f", "{{.Id}}", "few")).trim();
    expect(await refusal("run", "--rm", "--network", "few", "busybox", "true")).toBe(
      `${failed}no available IPv4 addresses on this network's address pools: few (${id})`,
    );
    await d.must("rm", "-f", "one", "two", "box1", "box2", "box3");
    await d.must("network", "rm", "few");
  }, 60_000);
});
