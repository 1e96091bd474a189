/** Containers with devices of their own on one of the host's, and their traffic with each other and another machine. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { run, succeed, until } from "../harness/command.ts";
import { clients, TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { expectLedger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";
import { kernelHas, Lan } from "./network-lan.ts";
import { addressOf, netnsOf } from "./network-outside.ts";

const sleeper = ["busybox", "sleep", "300"];

/** Whether a container is answered from an address or a name. */
async function reaches(daemon: TestDaemon, name: string, target: string): Promise<boolean> {
  return (await daemon.dhow("exec", name, "ping", "-c", "1", "-W", "2", target)).code === 0;
}

/** What the kernel says of a container's device. */
async function linkIn(daemon: TestDaemon, name: string, device = "eth0"): Promise<string> {
  const inside = ["nsenter", `--net=${await netnsOf(daemon, name)}`, "ip", "-d", "link", "show", device];
  return (await run(inside)).stdout;
}

describe("macvlan", () => {
  const daemon = withDaemon();
  const remove = (what: string[], network: string) => async () => {
    await daemon().must("rm", "-f", ...what);
    await daemon().must("network", "rm", network);
  };

  test.each(clients)(
    "gives containers of %s a place beside the machines of the parent's network",
    async (client) => {
      const d = daemon();
      await using lan = await Lan.of(d);
      const must = async (...args: string[]) => {
        const { code, stderr, stdout } = await d.run(client, ...args);
        if (code !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
        return stdout.trim();
      };
      const reserved = `${lan.prefix}.2`;
      const own = ["--subnet", lan.subnet, "--gateway", lan.address, "--aux-address", `printer=${reserved}`];
      await must("network", "create", "-d", "macvlan", ...own, "-o", `parent=${lan.parent}`, "lan");
      await must("run", "-d", "--name", "first", "--network", "lan", "-p", `${d.port(1)}:80`, ...sleeper);
      await must("run", "-d", "--name", "second", "--network", "lan", "--ip", `${lan.prefix}.77`, ...sleeper);
      // The machine has the gateway's address and the printer the reserved one.
      expect(await addressOf(d, "first", "lan")).toBe(`${lan.prefix}.3`);
      expect(await reaches(d, "first", "second")).toBe(true);
      expect(await reaches(d, "first", lan.address)).toBe(true);
      expect(await lan.reaches(`${lan.prefix}.77`)).toBe(true);
      expect(await must("exec", "first", "ip", "route")).toContain(`default via ${lan.address} dev eth0`);
      expect(await linkIn(d, "first")).toMatch(/macvlan mode bridge/);
      // No way between the host and its own network, so nothing to publish either.
      expect(await must("inspect", "-f", "{{json .NetworkSettings.Ports}}", "first")).toBe("{}");
      expect(await must("exec", "first", "cat", "/etc/hosts")).not.toContain("host.docker.internal");
      expect(await must("network", "inspect", "-f", "{{.Driver}} {{json .Options}}", "lan")).toBe(
        `macvlan {"parent":"${lan.parent}"}`,
      );
      const stats = await d.api<{ networks: Record<string, { rx_bytes: number; tx_bytes: number }> }>(
        ...(["GET", "/containers/first/stats?stream=false&one-shot=true"] as const),
      );
      const { rx_bytes: received = 0, tx_bytes: sent = 0 } = stats.body.networks.eth0 ?? {};
      expect(received > 0 && sent > 0).toBe(true);

      // A container of a bridge gets a second device, and loses it again.
      await must("run", "-d", "--name", "both", ...sleeper);
      await must("network", "connect", "lan", "both");
      expect(await reaches(d, "both", "first")).toBe(true);
      expect(await linkIn(d, "both", "eth1")).toMatch(/macvlan mode bridge/);
      await must("network", "disconnect", "lan", "both");
      expect(await linkIn(d, "both", "eth1")).toBe("");
      expect(await reaches(d, "both", `10.213.${d.slot}.1`)).toBe(true);
      // And one of both from the beginning on is reached on either, with the world behind the bridge by priority.
      await must("create", "--name", "two", "--network", "lan", ...sleeper);
      await must("network", "create", "zone");
      await must("network", "connect", "--gw-priority", "1", "zone", "two");
      await must("start", "two");
      expect(await lan.reaches(await addressOf(d, "two", "lan"))).toBe(true);
      expect(await must("exec", "two", "ip", "route")).toContain("dev eth1");
      await must("rm", "-f", "first", "second", "both", "two");
      await must("network", "rm", "lan", "zone");
      expect(await lan.reaches(`${lan.prefix}.77`)).toBe(false);
    },
    60_000,
  );

  test.each(["private", "vepa"])(
    "mode %s keeps containers apart on the host, not from machines",
    async (mode) => {
      const d = daemon();
      await using lan = await Lan.of(d);
      await using cleanup = new AsyncDisposableStack();
      const options = ["-o", `parent=${lan.parent}`, "-o", `macvlan_mode=${mode}`];
      await d.must(
        "network",
        "create",
        "-d",
        "macvlan",
        "--subnet",
        lan.subnet,
        "--gateway",
        lan.address,
        ...options,
        "lan",
      );
      for (const name of ["first", "second"]) await d.must("run", "-d", "--name", name, "--network", "lan", ...sleeper);
      cleanup.defer(remove(["first", "second"], "lan"));
      expect(await linkIn(d, "first")).toContain(`macvlan mode ${mode}`);
      expect(await lan.reaches(await addressOf(d, "first", "lan"))).toBe(true);
      expect(await lan.reaches(await addressOf(d, "second", "lan"))).toBe(true);
      expect(await reaches(d, "first", await addressOf(d, "second", "lan"))).toBe(false);
    },
    60_000,
  );

  test("mode passthru gives the parent to one container of one network, and to the next when that has gone", async () => {
    const d = daemon();
    await using lan = await Lan.of(d);
    await using cleanup = new AsyncDisposableStack();
    const create = (name: string, subnet: string, ...options: string[]) =>
      d.dhow("network", "create", "-d", "macvlan", "--subnet", subnet, "-o", `parent=${lan.parent}`, ...options, name);
    expect((await create("lan", lan.subnet, "-o", "macvlan_mode=passthru")).code).toBe(0);
    const id = (await d.must("network", "inspect", "-f", "{{.Id}}", "lan")).trim();
    const other = `10.216.${d.slot}.0/24`;
    const refusal = "Error response from daemon: ";
    expect((await create("more", other, "-o", "macvlan_mode=passthru")).stderr).toBe(
      `${refusal}cannot use mode passthru, macvlan network ${id} is already using parent interface ${lan.parent}\n`,
    );
    expect((await create("more", other)).stderr).toBe(
      `${refusal}macvlan network ${id} is already using parent interface ${lan.parent} in mode passthru\n`,
    );
    await d.must("run", "-d", "--name", "first", "--network", "lan", "--ip", `${lan.prefix}.9`, ...sleeper);
    cleanup.defer(remove(["first", "second"], "lan"));
    const mac = readFileSync(`/sys/class/net/${lan.parent}/address`, "utf8").trim();
    const shown = `{{(index .NetworkSettings.Networks "lan").MacAddress}}`;
    expect((await d.must("inspect", "-f", shown, "first")).trim()).toBe(mac);
    expect(await lan.reaches(`${lan.prefix}.9`)).toBe(true);
    const second = ["run", "-d", "--name", "second", "--network", "lan", "--ip", `${lan.prefix}.10`, ...sleeper];
    expect((await d.dhow(...second)).stderr).toContain("failed to create the macvlan port: invalid argument");
    await d.must("rm", "-f", "first", "second");
    await d.must(...second);
    expect(await lan.reaches(`${lan.prefix}.10`)).toBe(true);
  }, 60_000);

  test("with several subnets gives addresses of the next when one is full, and the gateway of each", async () => {
    const d = daemon();
    await using lan = await Lan.of(d);
    await using cleanup = new AsyncDisposableStack();
    const further = `10.216.${d.slot}`;
    await lan.on("ip", "addr", "add", `${further}.1/24`, "dev", "eth0");
    const subnets = ["--subnet", `${lan.prefix}.0/30`, "--subnet", `${further}.0/24`, "--gateway", `${further}.1`];
    const ipv6 = ["--ipv6", "--subnet", `fd00:dd:6:${d.slot}::/64`, "--subnet", `fd00:dd:7:${d.slot}::/64`];
    await d.must("network", "create", "-d", "macvlan", ...subnets, ...ipv6, "-o", `parent=${lan.parent}`, "lan");
    cleanup.defer(() => d.must("network", "rm", "lan").then(() => {}));
    const start = (name: string, ...more: string[]) =>
      d.dhow("run", "-d", "--name", name, "--network", "lan", ...more, ...sleeper);
    const place = async (name: string) => {
      const shown =
        "{{with .NetworkSettings.Networks.lan}}{{.IPAddress}}/{{.IPPrefixLen}} {{.Gateway}} {{.IPv6Gateway}}{{end}}";
      const route = await d.must("exec", name, "ip", "route");
      return `${(await d.must("inspect", "-f", shown, name)).trim()} ${/default via (\S+)/.exec(route)?.[1]}`;
    };
    cleanup.defer(() => d.must("rm", "-f", "first", "second", "third").then(() => {}));
    expect((await start("first")).stderr).toBe("");
    expect((await start("second")).stderr).toBe("");
    expect((await start("third", "--ip", `${further}.77`, "--ip6", `fd00:dd:7:${d.slot}::9`)).stderr).toBe("");
    const six = (n: number) => `fd00:dd:${n}:${d.slot}::1`;
    const one = `${lan.prefix}.1`;
    expect(await place("first")).toBe(`${lan.prefix}.2/30 ${one} ${six(6)} ${one}`);
    expect(await place("second")).toBe(`${further}.2/24 ${further}.1 ${six(6)} ${further}.1`);
    expect(await place("third")).toBe(`${further}.77/24 ${further}.1 ${six(7)} ${further}.1`);
    expect(await reaches(d, "second", `${further}.77`)).toBe(true);
    expect(await lan.reaches(`${further}.77`)).toBe(true);
    expect((await start("taken", "--ip", `${further}.77`)).stderr).toContain("Address already in use");
    await d.must("rm", "taken");
    expect((await start("astray", "--ip", "10.9.9.9")).stderr).toContain(
      "no configured subnet or ip-range contain the IP address 10.9.9.9",
    );
    // All of it is there again after a restart, by record.
    await d.restart();
    await d.must("restart", "-t", "0", "second");
    expect(await place("second")).toBe(`${further}.2/24 ${further}.1 ${six(6)} ${further}.1`);
  }, 60_000);

  test("an internal network has no gateway, and leaves its address to containers", async () => {
    const d = daemon();
    await using lan = await Lan.of(d);
    await using cleanup = new AsyncDisposableStack();
    const options = ["--internal", "--subnet", lan.subnet, "-o", `parent=${lan.parent}`];
    await d.must("network", "create", "-d", "macvlan", ...options, "lan");
    await d.must("run", "-d", "--name", "first", "--network", "lan", ...sleeper);
    cleanup.defer(remove(["first"], "lan"));
    expect(await addressOf(d, "first", "lan")).toBe(`${lan.prefix}.1`);
    expect((await d.must("exec", "first", "ip", "route")).trim().split("\n")).toHaveLength(1);
  });

  test("parents that cannot be are refused in Docker's words, and nothing is left of the attempt", async () => {
    const d = daemon();
    await using lan = await Lan.of(d);
    const refused = async (...options: string[]) => {
      const made = await d.dhow("network", "create", "-d", "macvlan", "--subnet", lan.subnet, ...options, "lan");
      if (made.code === 0) await d.must("network", "rm", "lan");
      return made.stderr.replace("Error response from daemon: ", "").trim();
    };
    const { parent } = lan;
    expect(await refused("-o", "parent=lo")).toBe("loopback interface is not a valid macvlan parent link");
    expect(await refused("-o", "parent=nosuch")).toBe(
      "invalid subinterface vlan name nosuch, example formatting is eth0.10",
    );
    expect(await refused("-o", "parent=nosuch.5")).toBe("-o parent interface was not found on the host: nosuch");
    expect(await refused("-o", `parent=${parent}.x`)).toBe(
      "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)",
    );
    expect(await refused("-o", `parent=${parent}.4095`)).toBe("vlan id must be between 1-4094, received: 4095");
    expect(await refused("-o", `parent=${parent}.1.2`)).toBe(
      `required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${parent}.1.2`,
    );
    expect(await refused("-o", `parent=${parent}`, "-o", "macvlan_mode=fast")).toBe(
      "requested macvlan mode 'fast' is not valid, 'bridge' mode is the macvlan driver default",
    );
    // What this kernel has not is said by name; where it has it, all of it is given back.
    expect(await refused()).toBe(
      (await kernelHas("dummy", parent))
        ? ""
        : "a macvlan network without a parent needs a dummy device, which this kernel has not",
    );
    expect(await refused("-o", `parent=${parent}.50`)).toBe(
      (await kernelHas("vlan", parent))
        ? ""
        : `failed to create ${parent}.50 vlan link: operation not supported: this kernel has no 802.1q`,
    );
    expect(await d.must("network", "ls", "-q", "--filter", "driver=macvlan")).toBe("");
  });

  test("info names the drivers that this kernel serves", async () => {
    const d = daemon();
    await using lan = await Lan.of(d);
    const upper = [];
    for (const kind of ["ipvlan", "macvlan"]) if (await kernelHas(kind, lan.parent)) upper.push(kind);
    const told = JSON.parse(await d.must("info", "-f", "{{json .Plugins.Network}}")) as string[];
    expect(told).toEqual(["bridge", "host", ...upper, "null"]);
  });

  test("ipvlan gives containers addresses behind the parent's own, or is refused by name", async () => {
    const d = daemon();
    await using lan = await Lan.of(d);
    const create = (name: string, subnet: string, ...options: string[]) =>
      d.dhow("network", "create", "-d", "ipvlan", "--subnet", subnet, "-o", `parent=${lan.parent}`, ...options, name);
    expect((await create("lan", lan.subnet, "-o", "ipvlan_mode=l9")).stderr).toBe(
      "Error response from daemon: requested ipvlan mode 'l9' is not valid, 'l2' mode is the ipvlan driver default\n",
    );
    expect((await create("lan", lan.subnet, "-o", "ipvlan_flag=x")).stderr).toBe(
      "Error response from daemon: requested ipvlan flag 'x' is not valid, 'bridge' is the ipvlan driver default\n",
    );
    if (!(await kernelHas("ipvlan", lan.parent))) {
      console.log("this kernel has no ipvlan: only the refusal is shown here, the traffic in the VM");
      expect((await create("lan", lan.subnet)).stderr).toBe(
        "Error response from daemon: failed to create the ipvlan port: this kernel has no ipvlan\n",
      );
      return;
    }
    for (const mode of ["l2", "l3", "l3s"]) {
      expect((await create("lan", lan.subnet, "-o", `ipvlan_mode=${mode}`)).stderr).toBe("");
      expect((await create("more", `10.216.${d.slot}.0/24`)).stderr).toContain("is already using parent interface");
      const start = (name: string, address: string) =>
        d.must("run", "-d", "--name", name, "--network", "lan", "--ip", address, ...sleeper);
      await start("first", `${lan.prefix}.20`);
      await start("second", `${lan.prefix}.21`);
      expect(await linkIn(d, "first")).toMatch(new RegExp(`ipvlan\\s+mode ${mode} bridge`));
      expect(await reaches(d, "first", "second")).toBe(true);
      if (mode === "l2") expect(await lan.reaches(`${lan.prefix}.20`)).toBe(true);
      const route = await d.must("exec", "first", "ip", "route");
      expect(route).toContain(mode === "l2" ? `default via ${lan.address} dev eth0` : "default dev eth0");
      const mac = ["--network", "lan", "--mac-address", "02:00:00:00:00:01"];
      expect((await d.dhow("run", "--rm", ...mac, "busybox", "true")).stderr).toContain(
        "ipvlan interfaces do not support custom mac address assignment",
      );
      await d.must("rm", "-f", "first", "second");
      await d.must("network", "rm", "lan");
    }
  }, 60_000);

  test("parent=DEVICE.TAG carries tagged frames, on a device that goes with its last network", async () => {
    const d = daemon();
    await using lan = await Lan.of(d);
    const tagged = `${lan.parent}.50`;
    if (!(await kernelHas("vlan", lan.parent))) {
      console.log("this kernel has no 802.1q: only the refusal is shown here, the frames in the VM");
      const { stderr } = await d.dhow("network", "create", "-d", "macvlan", "-o", `parent=${tagged}`, "tagged");
      expect(stderr).toContain("this kernel has no 802.1q");
      return;
    }
    for (const command of [
      ["ip", "link", "add", "link", "eth0", "name", "eth0.50", "type", "vlan", "id", "50"],
      ["ip", "addr", "add", `10.216.${d.slot}.1/25`, "dev", "eth0.50"],
      ["ip", "link", "set", "eth0.50", "up"],
    ]) {
      expect((await lan.on(...command)).stderr).toBe("");
    }
    const create = (name: string, subnet: string, ...more: string[]) =>
      d.must("network", "create", "-d", "macvlan", "--subnet", subnet, "-o", `parent=${tagged}`, ...more, name);
    await create("tagged", `10.216.${d.slot}.0/25`, "--gateway", `10.216.${d.slot}.1`);
    await create("beside", `10.216.${d.slot}.128/25`);
    await d.must("run", "-d", "--name", "first", "--network", "tagged", ...sleeper);
    expect(await lan.reaches(await addressOf(d, "first", "tagged"))).toBe(true);
    await d.must("rm", "-f", "first");
    const devices = () => readdirSync("/sys/class/net");
    await d.must("network", "rm", "tagged");
    expect(devices()).toContain(tagged);
    await d.must("network", "rm", "beside");
    expect(devices()).not.toContain(tagged);
    // One that was there before stays.
    await succeed(["ip", "link", "add", "link", lan.parent, "name", tagged, "type", "vlan", "id", "50"]);
    await create("tagged", `10.216.${d.slot}.0/25`);
    await d.must("network", "rm", "tagged");
    expect(devices()).toContain(tagged);
  }, 60_000);
});

describe("a macvlan container", () => {
  const start = ["run", "-d", "--name", "first", "--network", "lan", ...sleeper];

  async function make(): Promise<TestDaemon> {
    const daemon = await TestDaemon.start({ failPoints: "" });
    await daemon.must("import", await busyboxTar(), "busybox:latest");
    await daemon.must("run", "--rm", "busybox", "true");
    return daemon;
  }

  const create = (d: TestDaemon, lan: Lan) =>
    d.dhow(
      ...["network", "create", "-d", "macvlan", "--subnet", lan.subnet, "--gateway", lan.address],
      ...["-o", `parent=${lan.parent}`, "-o", "macvlan_mode=passthru", "lan"],
    );

  test("is reached through a restart of the daemon and a death of netd", async () => {
    await using d = await make();
    const before = await settledLedger(d);
    await using lan = await Lan.of(d);
    await create(d, lan);
    await d.must(...start);
    const address = await addressOf(d, "first", "lan");
    await d.restart();
    expect(await lan.reaches(address)).toBe(true);
    const netd = () => readdirSync("/proc").filter((pid) => isNetdOf(d, pid));
    const [pid = ""] = netd();
    process.kill(Number(pid), "SIGKILL");
    await until("another netd", () => netd().some((one) => one !== pid));
    expect(await lan.reaches(address)).toBe(true);
    // Names are served by the new one, and a device that it did not make is given back by it.
    await until("its name", async () => (await d.dhow("exec", "first", "nslookup", "first")).stdout.includes(address));
    await d.must("restart", "-t", "0", "first");
    expect(await lan.reaches(await addressOf(d, "first", "lan"))).toBe(true);
    await d.must("rm", "-f", "first");
    await d.must("network", "rm", "lan");
    await expectLedger(d, before, { fds: false });
  }, 60_000);

  test.each([
    ["networks.create.recorded", "create"],
    ["networks.create.made", "create"],
    ["networks.remove.recorded", "remove"],
    ["networks.attach.attached", "start"],
    ["networks.attach.recorded", "start"],
    ["networks.detach.detached", "stop"],
    ["networks.connect.connected", "connect"],
    ["networks.disconnect.disconnected", "disconnect"],
  ])(
    "leaves its parent free for another when the daemon is killed at %s (%s)",
    async (point, verb) => {
      await using d = await make();
      const before = await settledLedger(d);
      await using lan = await Lan.of(d);
      if (verb !== "create") await create(d, lan);
      const joined = ["connect", "disconnect"].includes(verb);
      if (verb === "stop") await d.must(...start);
      if (joined) await d.must("run", "-d", "--name", "first", ...sleeper);
      if (verb === "disconnect") await d.must("network", "connect", "lan", "first");
      await d.restart({ DHOW_FAIL_POINTS: `${point}=kill` });
      const failing = {
        create: () => create(d, lan),
        remove: () => d.dhow("network", "rm", "lan"),
        start: () => d.dhow(...start),
        stop: () => d.dhow("rm", "-f", "first"),
        connect: () => d.dhow("network", "connect", "lan", "first"),
        disconnect: () => d.dhow("network", "disconnect", "lan", "first"),
      }[verb];
      expect((await failing?.())?.code).not.toBe(0);
      await d.died();
      await d.start();
      await d.dhow("rm", "-f", "first");
      await create(d, lan);
      // In passthru mode the parent takes no second device: whatever was left would be in the way.
      await d.must(...start);
      expect(await lan.reaches(await addressOf(d, "first", "lan"))).toBe(true);
      await d.must("rm", "-f", "first");
      await d.must("network", "rm", "lan");
      await expectLedger(d, before, { fds: false });
    },
    60_000,
  );
});

function isNetdOf(daemon: TestDaemon, pid: string): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return /^\d+$/.test(pid) && line.includes("\0netd\0") && line.includes(daemon.execRoot);
  } catch {
    return false;
  }
}
