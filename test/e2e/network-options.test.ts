/** The daemon's network flags and the options of bridge networks do what they say. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { run, succeed, until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { addressOf, ask, netnsOf, Outside } from "./network-outside.ts";

async function withFlags(...flags: string[]): Promise<TestDaemon> {
  const daemon = await TestDaemon.start({ flags });
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  return daemon;
}

const web = ["sh", "-c", "mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www"];
async function serve(daemon: TestDaemon, name: string, ...flags: string[]): Promise<string> {
  const result = await daemon.dhow("run", "-d", "--name", name, ...flags, "busybox", ...web);
  if (result.code !== 0) throw new Error(result.stderr);
  const netns = await netnsOf(daemon, name);
  await until("the server", async () => (await ask(netns, "http://127.0.0.1/")) === 200);
  return netns;
}

test.each(["0", "1"])(
  "--icc=false keeps containers apart with bridge-nf-call-iptables=%s, published ports still answer",
  async (value) => {
    const path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    const old = readFileSync(path, "utf8");
    writeFileSync(path, value);
    try {
      await using daemon = await withFlags("--icc=false");
      await serve(daemon, "server", "-p", `${daemon.port(70)}:80`);
      const netns = await serve(daemon, "guest");
      expect(await ask(netns, `http://${await addressOf(daemon, "server")}/`)).toBe(0);
      expect(await ask(netns, `http://10.213.${daemon.slot}.1:${daemon.port(70)}/`)).toBe(200);
      expect(await ask(null, `http://127.0.0.1:${daemon.port(70)}/`)).toBe(200);
      await daemon.dhow("rm", "-f", "server", "guest");
    } finally {
      writeFileSync(path, old);
    }
  },
  30_000,
);

test("--iptables=false makes no rules, and publishes through proxies", async () => {
  await using daemon = await withFlags("--iptables=false");
  await serve(daemon, "server", "-p", `127.0.0.1:${daemon.port(71)}:80`, "-p", `${daemon.port(72)}:80`);
  expect((await succeed(["nft", "list", "ruleset"])).includes(daemon.bridge)).toBe(false);
  for (const port of [daemon.port(71), daemon.port(72)]) expect(await ask(null, `http://127.0.0.1:${port}/`)).toBe(200);
  await daemon.dhow("rm", "-f", "server");
}, 30_000);

test("--ip-masq=false leaves the source address alone, the default hides it", async () => {
  for (const masquerade of [false, true]) {
    await using daemon = await withFlags(`--ip-masq=${masquerade}`);
    await using outside = await Outside.of(daemon);
    const inOutside = ["ip", "netns", "exec", outside.name];
    const server = Bun.spawn(
      [
        ...inOutside,
        ...["python3", "-u", "-c"],
        'import socket; s=socket.socket(); s.bind(("",80)); s.listen(); print("up"); c,a=s.accept(); c.send(a[0].encode())',
      ],
      { stdout: "pipe" },
    );
    await server.stdout.getReader().read();
    const seen = await daemon.dhow("run", "--rm", "busybox", "timeout", "5", "nc", outside.address, "80");
    server.kill("SIGKILL");
    expect(seen.stdout.startsWith(masquerade ? outside.hostAddress : `10.213.${daemon.slot}.`)).toBe(true);
  }
}, 30_000);

test("--ip-forward=false leaves the host's switch alone", async () => {
  const path = "/proc/sys/net/ipv4/ip_forward";
  const flag = async (value: string): Promise<boolean> => {
    await using daemon = await withFlags(`--ip-forward=${value}`);
    return (await daemon.netdPids()).some((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--no-ip-forward"),
    );
  };
  // Switched off here for a moment it would cut off everybody else on this machine: what netd is told is looked at.
  expect(await flag("false")).toBe(true);
  expect(await flag("true")).toBe(false);
  expect(readFileSync(path, "utf8").trim()).toBe("1");
}, 30_000);

test("--mtu and --dns* reach the container", async () => {
  await using daemon = await withFlags("--mtu=1380", "--dns=192.0.2.7", "--dns-search=a.test", "--dns-opt=ndots:3");
  const shown = await daemon.dhow(
    ...["run", "--rm", "busybox", "sh", "-c", "cat /sys/class/net/eth0/mtu /etc/resolv.conf"],
  );
  const said = shown.stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(said).toEqual(["1380", "nameserver 192.0.2.7", "search a.test", "options ndots:3"]);
}, 30_000);

test("--fixed-cidr and --default-gateway choose addresses and the way out, also after a restart", async () => {
  const flags: string[] = [];
  await using daemon = await TestDaemon.start({ flags });
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  const network = `10.213.${daemon.slot}`;
  flags.push(`--fixed-cidr=${network}.128/26`, `--default-gateway=${network}.254`);
  await daemon.restart();
  const shown = await daemon.dhow("run", "--rm", "busybox", "sh", "-c", "ip -4 addr show eth0; ip route");
  expect(shown.stdout).toContain(`inet ${network}.128/24`);
  expect(shown.stdout).toContain(`default via ${network}.254 dev eth0`);
  const bridge = (await daemon.dhow("network", "inspect", "-f", "{{json .IPAM.Config}}", "bridge")).stdout;
  expect(JSON.parse(bridge)).toEqual([
    {
      Subnet: `${network}.0/24`,
      IPRange: `${network}.128/26`,
      Gateway: `${network}.1`,
      AuxiliaryAddresses: { DefaultGatewayIPv4: `${network}.254` },
    },
  ]);
  // A netd that holds nothing is replaced by one that does what the flags say now.
  flags.push("--iptables=false");
  await daemon.restart();
  expect((await daemon.dhow("run", "--rm", "busybox", "true")).code).toBe(0);
  await until("the rules to be gone", async () => !(await succeed(["nft", "list", "ruleset"])).includes(daemon.bridge));
}, 30_000);

test("bridge options of a network: name, icc, masquerade, host binding; what is unknown is refused by name", async () => {
  await using daemon = await withFlags();
  const prefix = "com.docker.network.bridge";
  const device = `dhowo${daemon.slot}`;
  const made = await daemon.dhow(
    ...["network", "create", "-o", `${prefix}.name=${device}`, "-o", `${prefix}.enable_icc=false`],
    ...["-o", `${prefix}.enable_ip_masquerade=false`, "-o", `${prefix}.host_binding_ipv4=127.0.0.1`, "opts"],
  );
  expect(made.stderr).toBe("");
  expect(await succeed(["ip", "-o", "link", "show", device])).toContain(device);
  await serve(daemon, "server", "--network", "opts", "-p", `${daemon.port(73)}:80`);
  const netns = await serve(daemon, "guest", "--network", "opts");
  expect(await ask(netns, `http://${await addressOf(daemon, "server", "opts")}/`)).toBe(0);
  expect((await daemon.dhow("port", "server", "80")).stdout).toBe(`127.0.0.1:${daemon.port(73)}\n`);
  expect(await ask(null, `http://127.0.0.1:${daemon.port(73)}/`)).toBe(200);
  await daemon.dhow("rm", "-f", "server", "guest");
  await daemon.dhow("network", "rm", "opts");
  expect((await run(["ip", "link", "show", device])).code).toBe(1);
  const unknown = await daemon.dhow("network", "create", "-o", `${prefix}.nosuch=true`, "bare");
  expect(unknown.stderr).toContain("nosuch");
}, 30_000);
