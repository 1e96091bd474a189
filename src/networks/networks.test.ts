/** The service against the real kernel: its own bridge, table and subnet, all given back. Needs root. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { emptyEndpoint, NetworkCreateRequest } from "../api/networks.ts";
import { background } from "../lib/operation.ts";
import { Database } from "../state/database.ts";
import type { Networks, NetworksConfig, SandboxRequest } from "./networks.ts";
import { createNetworks } from "./service.ts";

setDefaultTimeout(60_000);

const octet = 10 + (process.pid % 200);
const tag = `${process.pid % 100000}`;
const bridge = `dtn${tag}`;
const instance = `dhowtn${tag}`;
const outside = `dtnout${tag}`;
const root = mkdtempSync(join(tmpdir(), "dhow-networks-"));
const execRoot = join(root, "exec");
/** Host ports that no other run of this file has, nor test daemons. */
const port = (n: number): number => 3000 + (process.pid % 65) * 100 + n;
const subnet = (n: number): string => `10.21${n}.${octet}`;
const children: ChildProcess[] = [];

const config: NetworksConfig = {
  bridgeName: bridge,
  bip: `${subnet(6)}.1/24`,
  fixedCidr: undefined,
  defaultGateway: undefined,
  ipv6: false,
  bip6: undefined,
  fixedCidr6: undefined,
  defaultGateway6: undefined,
  addressPools: [{ base: `${subnet(7)}.0/24`, size: 27 }],
  networkOptions: {},
  mtu: 1500,
  icc: true,
  ipMasquerade: true,
  ipForward: true,
  directRouting: false,
  foreignBridge: false,
  userlandProxy: true,
  firewall: true,
  firewall6: true,
  userChain: false,
  hostBinding: "0.0.0.0",
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  hostGatewayIps: [],
};

let db: Database;
let networks: Networks;
const make = (): Networks =>
  createNetworks({
    config,
    instance,
    engineId: tag,
    paths: { execRoot, netdSocket: join(execRoot, "netd.sock") },
    db,
    log: () => {},
  });

const request = (id: string, more: Partial<SandboxRequest> = {}): SandboxRequest => ({
  containerId: id.padEnd(64, "-"),
  name: id,
  hostname: id,
  domainname: "",
  networkMode: "default",
  endpoints: more.networkMode?.startsWith("container:") ? {} : { [more.networkMode ?? "default"]: emptyEndpoint() },
  portBindings: {},
  exposedPorts: [],
  publishAllPorts: false,
  ...more,
});

const run = (command: string, ...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return stdout;
};

/** Status of an HTTP request from a namespace (null is this host); 0 when there is no answer. */
function ask(netns: string | null, url: string, ...more: string[]): number {
  const curl = ["curl", "-sS", "-g", "-m", "1", "-o", "/dev/null", "-w", "%{http_code}", ...more, url];
  const args = netns === null ? curl : ["nsenter", `--net=${netns}`, ...curl];
  return Number(spawnSync(args[0] ?? "", args.slice(1), { encoding: "utf8" }).stdout);
}

/** Serves HTTP on port 80 of a namespace until the tests end. */
async function serve(netns: string, port = 80): Promise<void> {
  const child = spawn("nsenter", [`--net=${netns}`, "python3", "-m", "http.server", `${port}`, "-d", root], {
    stdio: "ignore",
  });
  children.push(child);
  for (let n = 0; n < 100 && ask(netns, `http://127.0.0.1:${port}/`) === 0; n++) await Bun.sleep(50);
}

/** Waits until a process, in whatever network namespace, has a socket bound to `port` (and listening, for TCP), proc_net_tcp(5). */
async function untilBound({ pid }: ChildProcess, protocol: "tcp" | "udp", port: number): Promise<void> {
  const wanted = new RegExp(
    `:${port.toString(16).toUpperCase().padStart(4, "0")} \\S+ ${protocol === "tcp" ? "0A" : "07"} `,
  );
  for (let n = 0; n < 500; n++) {
    if (existsSync(`/proc/${pid}/net/${protocol}`) && wanted.test(readFileSync(`/proc/${pid}/net/${protocol}`, "utf8")))
      return;
    await Bun.sleep(20);
  }
  throw new Error(`nothing is bound to port ${port}`);
}

const outsideNetns = `/run/netns/${outside}`;

beforeAll(async () => {
  db = Database.open(":memory:");
  networks = make();
  await networks.restore(new Set());
  // Another machine: a namespace with its own link to this host and routes to everything of ours.
  run("ip", "netns", "add", outside);
  run("ip", "link", "add", `${bridge}o`, "type", "veth", "peer", "name", "eth0", "netns", outside);
  run("ip", "addr", "add", `${subnet(8)}.1/24`, "dev", `${bridge}o`);
  run("ip", "link", "set", `${bridge}o`, "up");
  run("ip", "-n", outside, "addr", "add", `${subnet(8)}.2/24`, "dev", "eth0");
  run("ip", "-n", outside, "link", "set", "eth0", "up");
  run("ip", "-n", outside, "route", "add", "default", "via", `${subnet(8)}.1`);
  run("ip", "-n", outside, "link", "set", "lo", "up");
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await networks.shutdown();
  for (let n = 0; n < 100 && existsSync(`/sys/class/net/${bridge}`); n++) await Bun.sleep(20);
  run("ip", "netns", "delete", outside);
  expect(existsSync(`/sys/class/net/${bridge}`)).toBe(false);
  for (let n = 0; n < 100 && run("nft", "list", "tables").includes(instance); n++) await Bun.sleep(20);
  expect(readdirSync(join(execRoot, "netns"))).toEqual([]);
  expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(root);
  expect(run("nft", "list", "tables")).not.toContain(instance);
  expect(run("nft", "list", "ruleset")).not.toContain(instance);
  expect(readFileSync(join(execRoot, "netd.log"), "utf8")).toBe("");
  db[Symbol.dispose]();
  rmSync(root, { recursive: true });
});

test("attach() gives a container an address, a way out and a published port", async () => {
  const box = await networks.attach(
    request("web", { portBindings: { "80/tcp": [{ HostIp: "", HostPort: `${port(80)}` }] }, exposedPorts: ["80/tcp"] }),
    background(),
  );
  const netns = box.netnsPath ?? "";
  expect(box.settings.IPAddress).toBe(`${subnet(6)}.2`);
  expect(box.settings.SandboxKey).toBe(netns);
  expect(box.settings.Ports["80/tcp"]).toEqual([
    { HostIp: "0.0.0.0", HostPort: `${port(80)}` },
    { HostIp: "::", HostPort: `${port(80)}` },
  ]);
  expect(box.hosts).toContain(`${subnet(6)}.2\tweb\n`);
  await serve(netns);
  expect(ask(null, `http://127.0.0.1:${port(80)}/`)).toBe(200);
  expect(ask(null, `http://[::1]:${port(80)}/`)).toBe(200);
  expect(ask(null, `http://${subnet(6)}.1:${port(80)}/`)).toBe(200);
  expect(ask(outsideNetns, `http://${subnet(8)}.1:${port(80)}/`)).toBe(200);
  expect(ask(netns, `http://${subnet(6)}.1:${port(80)}/`)).toBe(200);
  const stats = await networks.statsOf("web".padEnd(64, "-"));
  expect(stats.eth0?.rx_packets).toBeGreaterThan(0);
});

test("a container reaches the world under the host's address", async () => {
  await serve(outsideNetns, 8081);
  const box = networks.settingsOf("web".padEnd(64, "-"));
  run("ip", "-n", outside, "route", "delete", "default");
  try {
    expect(ask(box?.SandboxKey ?? "", `http://${subnet(8)}.2:8081/`)).toBe(200);
  } finally {
    run("ip", "-n", outside, "route", "add", "default", "via", `${subnet(8)}.1`);
  }
});

test("an unpublished port cannot be reached by routing from a neighbour host", () => {
  expect(ask(outsideNetns, `http://${subnet(6)}.2/`)).toBe(0);
  expect(ask(null, `http://${subnet(6)}.2/`)).toBe(200);
});

test("a port published on a loopback address answers to this host only", async () => {
  const box = await networks.attach(
    request("local", { portBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: `${port(81)}` }] } }),
    background(),
  );
  await serve(box.netnsPath ?? "");
  expect(ask(null, `http://127.0.0.1:${port(81)}/`)).toBe(200);
  expect(ask(outsideNetns, `http://${subnet(8)}.1:${port(81)}/`)).toBe(0);
  expect(ask(outsideNetns, `http://${box.settings.IPAddress}/`)).toBe(0);
  await networks.detach("local".padEnd(64, "-"));
});

/** Sends one UDP datagram as a raw frame, so that no routing of the sender stands in the way. */
function sendFrame(netns: string, mac: string, from: string, to: string, port: number): void {
  const script = `
import socket,struct
s=socket.socket(17,3);s.bind(('eth0',0))
p=b'knock';u=struct.pack('!HHHH',4444,${port},8+len(p),0)+p
h=struct.pack('!BBHHHBBH4s4s',69,0,20+len(u),1,0,64,17,0,socket.inet_aton('${from}'),socket.inet_aton('${to}'))
c=sum(struct.unpack('!10H',h));c=(c&65535)+(c>>16);c=~((c&65535)+(c>>16))&65535
h=h[:10]+struct.pack('!H',c)+h[12:]
s.send(bytes.fromhex('${mac.replaceAll(":", "")}')+s.getsockname()[4]+b'\\x08\\x00'+h+u)`;
  run("nsenter", `--net=${netns}`, "python3", "-c", script);
}

const macOf = (device: string): string => readFileSync(`/sys/class/net/${device}/address`, "utf8").trim();

/** A UDP listener in a namespace (null is this host) that tells whether anything came. */
async function listener(netns: string | null, address: string, port: number) {
  const script = `import socket\ns=socket.socket(2,2);s.bind(('${address}',${port}));print('up',flush=True);print(s.recv(99),flush=True)`;
  const python = ["python3", "-c", script];
  const [command = "", ...args] = netns === null ? python : ["nsenter", `--net=${netns}`, ...python];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  let heard = "";
  child.stdout?.on("data", (chunk) => {
    heard += chunk;
  });
  while (!heard.includes("up")) await Bun.sleep(10);
  return async (): Promise<boolean> => {
    await Bun.sleep(200);
    child.kill("SIGKILL");
    return heard.includes("knock");
  };
}

test("a loopback port is closed to a neighbour that sends to 127.0.0.1 or from a forged address", async () => {
  const box = await networks.attach(
    request("local", { portBindings: { "53/udp": [{ HostIp: "127.0.0.1", HostPort: `${port(53)}` }] } }),
    background(),
  );
  const localnet = `/proc/sys/net/ipv4/conf/${bridge}o/route_localnet`;
  await Bun.write(localnet, "1");
  const heard = await listener(box.netnsPath, "0.0.0.0", 53);
  const mac = macOf(`${bridge}o`);
  sendFrame(outsideNetns, mac, `${subnet(8)}.2`, "127.0.0.1", port(53));
  sendFrame(outsideNetns, mac, "127.0.0.1", `${subnet(8)}.1`, port(53));
  sendFrame(outsideNetns, mac, `${subnet(6)}.9`, box.settings.IPAddress, 53);
  sendFrame(outsideNetns, mac, `${subnet(8)}.2`, box.settings.IPAddress, 53);
  expect(await heard()).toBe(false);
  const control = await listener(box.netnsPath, "0.0.0.0", 53);
  run("python3", "-c", `import socket;socket.socket(2,2).sendto(b'knock',('127.0.0.1',${port(53)}))`);
  expect(await control()).toBe(true);
  await Bun.write(localnet, "0");
});

test("a container cannot reach loopback services of the host through its gateway", async () => {
  const box = networks.settingsOf("web".padEnd(64, "-"));
  const heard = await listener(null, "127.0.0.1", port(55));
  sendFrame(box?.SandboxKey ?? "", macOf(bridge), box?.IPAddress ?? "", "127.0.0.1", port(55));
  sendFrame(box?.SandboxKey ?? "", macOf(bridge), "127.0.0.2", "127.0.0.1", port(55));
  expect(await heard()).toBe(false);
});

test("icc=false keeps the containers of one bridge apart but for published ports", async () => {
  const Options = { "com.docker.network.bridge.enable_icc": "false" };
  await networks.create(v.parse(NetworkCreateRequest, { Name: "quiet", Options }), background());
  const server = await networks.attach(
    request("quiet1", { networkMode: "quiet", portBindings: { "80/tcp": [{ HostIp: "", HostPort: `${port(83)}` }] } }),
    background(),
  );
  const client = await networks.attach(request("quiet2", { networkMode: "quiet" }), background());
  await serve(server.netnsPath ?? "");
  const { IPAddress = "", Gateway = "" } = server.settings.Networks.quiet ?? {};
  const bridged = readFileSync("/proc/sys/net/bridge/bridge-nf-call-iptables", "utf8").trim() === "1";
  if (bridged) expect(ask(client.netnsPath, `http://${IPAddress}/`)).toBe(0);
  expect(ask(client.netnsPath, `http://${Gateway}:${port(83)}/`)).toBe(200);
  for (const id of ["quiet1", "quiet2"]) await networks.detach(id.padEnd(64, "-"));
  await networks.remove("quiet", background());
});

test("a taken host port is refused in Docker's words and everything is rolled back", async () => {
  const before = networks.inspect("bridge").Containers;
  const ours = networks.attach(
    request("late", { portBindings: { "80/tcp": [{ HostIp: "", HostPort: `${port(80)}` }] } }),
    background(),
  );
  await expect(ours).rejects.toThrow(
    new RegExp(
      `^failed to set up container networking: driver failed programming external connectivity on endpoint late \\([0-9a-f]{64}\\): Bind for 0\\.0\\.0\\.0:${port(80)} failed: port is already allocated$`,
    ),
  );
  const foreign = Bun.listen({ hostname: "0.0.0.0", port: port(90), socket: { data() {} } });
  const theirs = networks.attach(
    request("late", { portBindings: { "80/tcp": [{ HostIp: "", HostPort: `${port(90)}` }] } }),
    background(),
  );
  await expect(theirs).rejects.toThrow(`failed to bind host port for 0.0.0.0:${port(90)}`);
  foreign.stop(true);
  expect(networks.inspect("bridge").Containers).toEqual(before);
  expect(networks.settingsOf("late".padEnd(64, "-"))).toBeUndefined();
});

test("a published port cannot be bound by another process", () => {
  expect(() => Bun.listen({ hostname: "0.0.0.0", port: port(80), socket: { data() {} } })).toThrow();
});

test("a range gives the first free port and udp is published beside tcp", async () => {
  const box = await networks.attach(
    request("range", {
      portBindings: {
        "90/tcp": [{ HostIp: "0.0.0.0", HostPort: `${port(80)}-${port(85)}` }],
        "53/udp": [{ HostIp: "0.0.0.0", HostPort: "" }],
      },
    }),
    background(),
  );
  expect(box.settings.Ports["90/tcp"]).toEqual([{ HostIp: "0.0.0.0", HostPort: `${port(81)}` }]);
  const udp = Number(box.settings.Ports["53/udp"]?.[0]?.HostPort);
  expect(udp).toBeGreaterThan(1023);
  const echo = spawn(
    "nsenter",
    [
      `--net=${box.netnsPath}`,
      "python3",
      "-c",
      "import socket\ns=socket.socket(2,2);s.bind(('0.0.0.0',53))\nwhile 1:\n d,a=s.recvfrom(99);s.sendto(d,a)",
    ],
    { stdio: "ignore" },
  );
  children.push(echo);
  await untilBound(echo, "udp", 53);
  const answer = run(
    "python3",
    "-c",
    `import socket\ns=socket.socket(2,2);s.settimeout(3);s.sendto(b'hello',('127.0.0.1',${udp}));print(s.recvfrom(99)[0])`,
  );
  expect(answer).toContain("hello");
  await networks.detach("range".padEnd(64, "-"));
});

test("the proxy keeps a half-closed connection open", async () => {
  const box = await networks.attach(
    request("half", { portBindings: { "7/tcp": [{ HostIp: "::1", HostPort: `${port(87)}` }] } }),
    background(),
  );
  const script =
    "import socket\ns=socket.socket();s.bind(('0.0.0.0',7));s.listen()\nc,_=s.accept();n=0\nwhile 1:\n d=c.recv(65536)\n if not d: break\n n+=len(d)\nc.sendall(str(n).encode());c.close()";
  const child = spawn("nsenter", [`--net=${box.netnsPath}`, "python3", "-c", script], { stdio: "ignore" });
  children.push(child);
  await untilBound(child, "tcp", 7);
  const answer = await new Promise<string>((resolve, reject) => {
    let text = "";
    const socket = connect({ host: "::1", port: port(87), allowHalfOpen: true });
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
    socket.end(Buffer.alloc(3_000_000));
  });
  expect(answer).toBe("3000000");
  await networks.detach("half".padEnd(64, "-"));
});

test("containers of two bridges cannot reach each other, by address, published port or gateway", async () => {
  const body = v.parse(NetworkCreateRequest, { Name: "other" });
  const { Id } = await networks.create(body, background());
  const box = await networks.attach(request("apart", { networkMode: "other" }), background());
  const netns = box.netnsPath ?? "";
  const gateway = box.settings.Networks.other?.Gateway;
  for (const url of [
    `http://${subnet(6)}.2/`,
    `http://${subnet(6)}.1:${port(80)}/`,
    `http://${gateway}:${port(80)}/`,
    `http://${subnet(8)}.1:${port(80)}/`,
  ]) {
    expect([url, ask(netns, url)]).toEqual([url, 0]);
  }
  await networks.connect("bridge", request("apart"), { Container: "apart" }, background());
  expect(ask(netns, `http://${subnet(6)}.2/`)).toBe(200);
  await networks.disconnect("bridge", request("apart"), background());
  expect(ask(netns, `http://${subnet(6)}.2/`)).toBe(0);
  await expect(networks.remove("other", background())).rejects.toThrow("has active endpoints");
  await networks.detach("apart".padEnd(64, "-"));
  await networks.remove(Id, background());
  expect(existsSync(`/sys/class/net/br-${Id.slice(0, 12)}`)).toBe(false);
});

test("an IPv4 network gives no IPv6 address and believes no router", () => {
  const netns = networks.settingsOf("web".padEnd(64, "-"))?.SandboxKey ?? "";
  expect(run("nsenter", `--net=${netns}`, "ip", "-6", "addr", "show", "dev", "eth0")).toBe("");
  expect(run("ip", "-6", "addr", "show", "dev", bridge)).toBe("");
  for (const name of [`${bridge}/accept_ra`]) {
    expect(readFileSync(`/proc/sys/net/ipv6/conf/${name}`, "utf8")).toBe("0\n");
  }
  expect(run("nsenter", `--net=${netns}`, "cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra")).toBe("0\n");
});

test("create() refuses what overlaps and says so when the pool is empty", async () => {
  const create = (body: object) => networks.create(v.parse(NetworkCreateRequest, body), background());
  const withSubnet = (Subnet: string) => create({ Name: "over", IPAM: { Config: [{ Subnet }] } });
  await expect(withSubnet(`${subnet(6)}.0/25`)).rejects.toThrow("Pool overlaps");
  await expect(withSubnet(`${subnet(8)}.0/24`)).rejects.toThrow("Pool overlaps");
  await expect(withSubnet("10.1.1.1/24")).rejects.toThrow("it should be 10.1.1.0/24");
  await expect(create({ Name: "bridge" })).rejects.toThrow("operation is not permitted on predefined bridge network");
  await expect(create({ Name: "x", Driver: "foo" })).rejects.toThrow('plugin "foo" not found');
  const names = await Promise.all([..."abcdefgh"].map(async (name) => (await create({ Name: name })).Id));
  await expect(create({ Name: "i" })).rejects.toThrow("all predefined address pools have been fully subnetted");
  await expect(create({ Name: "a" })).rejects.toThrow("network with name a already exists");
  const subnets = new Set(names.map((id) => networks.inspect(id).IPAM.Config?.[0]?.Subnet));
  expect(subnets.size).toBe(8);
  const pruned = await networks.prune({}, background());
  expect(pruned.NetworksDeleted.sort()).toEqual([..."abcdefgh"]);
});

test("a fixed address is kept, refused when taken and given back", async () => {
  const Subnet = `${subnet(9)}.0/24`;
  await networks.create(v.parse(NetworkCreateRequest, { Name: "fix", IPAM: { Config: [{ Subnet }] } }), background());
  const at = (id: string, IPv4Address: string) =>
    networks.attach(
      request(id, { networkMode: "fix", endpoints: { fix: { ...emptyEndpoint(), IPAMConfig: { IPv4Address } } } }),
      background(),
    );
  const box = await at("one", `${subnet(9)}.77`);
  expect(box.settings.Networks.fix?.IPAddress).toBe(`${subnet(9)}.77`);
  await expect(at("two", `${subnet(9)}.77`)).rejects.toThrow("Address already in use");
  await expect(at("two", "10.9.9.9")).rejects.toThrow("no configured subnet or ip-range contain");
  await networks.detach("one".padEnd(64, "-"));
  await at("two", `${subnet(9)}.77`);
  await networks.detach("two".padEnd(64, "-"));
  await networks.remove("fix", background());
});

test("one hundred attaches at once share no address and leave nothing", async () => {
  const links = (): number => readdirSync(`/sys/class/net/${bridge}/brif`).length;
  const before = Object.keys(networks.inspect("bridge").Containers);
  const boxes = await Promise.all(
    Array.from({ length: 100 }, (_, n) => networks.attach(request(`many${n}`), background())),
  );
  expect(new Set(boxes.map((box) => box.settings.IPAddress)).size).toBe(100);
  expect(new Set(boxes.map((box) => box.settings.MacAddress)).size).toBe(100);
  await Promise.all(boxes.map((_, n) => networks.detach(`many${n}`.padEnd(64, "-"))));
  expect(Object.keys(networks.inspect("bridge").Containers)).toEqual(before);
  for (let n = 0; n < 200 && links() > 6; n++) await Bun.sleep(50);
  expect(links()).toBeLessThanOrEqual(6);
}, 30_000);

test("host, none and container: modes", async () => {
  const host = await networks.attach(request("onhost", { networkMode: "host" }), background());
  expect(host.netnsPath).toBeNull();
  expect(Object.keys(host.settings.Networks)).toEqual(["host"]);
  const none = await networks.attach(request("alone", { networkMode: "none" }), background());
  expect(run("nsenter", `--net=${none.netnsPath}`, "ip", "-o", "link").trim().split("\n")).toHaveLength(1);
  const web = "web".padEnd(64, "-");
  const shared = await networks.attach(request("guest", { networkMode: `container:${web}` }), background());
  expect(shared.netnsPath).toBe(networks.settingsOf(web)?.SandboxKey ?? "");
  for (const id of ["onhost", "alone", "guest"]) await networks.detach(id.padEnd(64, "-"));
  await expect(networks.attach(request("x", { networkMode: "nope" }), background())).rejects.toThrow(
    "failed to set up container networking: network nope not found",
  );
});

test("connections live while the daemon is away and a new one takes all back", async () => {
  const web = "web".padEnd(64, "-");
  const before = networks.settingsOf(web);
  await networks[Symbol.asyncDispose]();
  expect(ask(null, `http://127.0.0.1:${port(80)}/`)).toBe(200);
  networks = make();
  await networks.restore(new Set([web]));
  expect(networks.settingsOf(web)).toEqual(before as NonNullable<typeof before>);
  expect(ask(null, `http://127.0.0.1:${port(80)}/`)).toBe(200);
  expect(networks.settingsOf("local".padEnd(64, "-"))).toBeUndefined();
});

test("a netd that is killed is replaced and its containers stay reachable", async () => {
  const [pid = 0] = readdirSync("/proc")
    .filter((name) => {
      try {
        const line = readFileSync(`/proc/${name}/cmdline`, "utf8");
        return line.includes("\0netd\0") && line.includes(execRoot);
      } catch {
        return false;
      }
    })
    .map(Number);
  expect(pid).toBeGreaterThan(1);
  process.kill(pid, "SIGKILL");
  while (existsSync(`/proc/${pid}/exe`)) await Bun.sleep(5);
  // Nothing is open in between, and what is published stays published.
  expect(ask(outsideNetns, `http://${subnet(6)}.2/`)).toBe(0);
  expect(ask(null, `http://127.0.0.1:${port(80)}/`)).toBe(200);
  while (!(await networks.statsOf("web".padEnd(64, "-"))).eth0) await Bun.sleep(20);
  expect(ask(null, `http://127.0.0.1:${port(80)}/`)).toBe(200);
  expect(ask(null, `http://[::1]:${port(80)}/`)).toBe(200);
  expect(ask(outsideNetns, `http://${subnet(6)}.2/`)).toBe(0);
});
