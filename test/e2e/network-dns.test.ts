/** Name service of user-defined networks: what containers are called, who sees it, and who answers the rest. */
import { describe, expect, test } from "bun:test";
import { decode, encode } from "dns-packet";
import { run, slowness, until } from "../harness/command.ts";
import { type Client, clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const d = async (...args: string[]) => (await daemon().must(...args)).trim();

/** What `name` resolves to inside a container; empty when it does not. */
async function lookup(container: string, name: string, client: Client = "dhow"): Promise<string[]> {
  const { stdout } = await daemon().run(client, "exec", container, "nslookup", "-type=a", name);
  return [
    ...stdout
      .split("\n\n")
      .slice(1)
      .join("\n")
      .matchAll(/^Address(?: \d+)?: (\S+)/gm),
  ].map(([, address]) => address ?? "");
}

const addressOn = (network: string, container: string): Promise<string> =>
  d("inspect", "-f", `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container);

/** A server outside that answers every A query with 192.0.2.7; returns the names it was asked. */
async function outside(address: string): Promise<{ asked: string[]; close(): void }> {
  const asked: string[] = [];
  const socket = await Bun.udpSocket({
    hostname: address,
    port: 53,
    socket: {
      data(self, bytes, port, from) {
        const { id = 0, questions = [] } = decode(Buffer.from(bytes));
        const name = questions[0]?.name ?? "";
        asked.push(name);
        const answers = [{ name, type: "A" as const, ttl: 1, data: "192.0.2.7" }];
        self.send(encode({ type: "response", id, flags: 0x80, questions, answers }), port, from);
      },
    },
  });
  return { asked, close: () => socket.close() };
}

describe.each([...clients])("names through %s", (client) => {
  const c = async (...args: string[]) => {
    const result = await daemon().run(client, ...args);
    if (result.code !== 0) throw new Error(`${args.join(" ")}: ${result.stderr}`);
    return result.stdout.trim();
  };

  test("name, alias, host name, short id and network-qualified name; the reverse too", async () => {
    await c("network", "create", "front");
    const id = await c(
      "run",
      "-d",
      "--name",
      "web",
      "--hostname",
      "inner",
      "--network",
      "front",
      "--network-alias",
      "www",
      "busybox",
      "sleep",
      "600",
    );
    await c("run", "-d", "--name", "asker", "--network", "front", "busybox", "sleep", "600");
    const address = await addressOn("front", "web");
    for (const name of ["web", "WEB", "www", "inner", id.slice(0, 12), "web.front"]) {
      expect([name, await lookup("asker", name, client)]).toEqual([name, [address]]);
    }
    expect(await c("exec", "asker", "nslookup", address)).toContain("name = web.front");
    expect(await c("exec", "asker", "ping", "-c1", "-W2", "www")).toContain(address);
    expect(await c("exec", "asker", "cat", "/etc/resolv.conf")).toMatch(/^nameserver 127\.0\.0\.11$/m);
    await c("rm", "-f", "web", "asker");
    await c("network", "rm", "front");
  });

  test("names follow connect, rename and disconnect while containers run", async () => {
    await c("network", "create", "live");
    await c("run", "-d", "--name", "one", "busybox", "sleep", "600");
    await c("run", "-d", "--name", "two", "--network", "live", "busybox", "sleep", "600");
    const before = await c("exec", "one", "cat", "/etc/resolv.conf");
    expect(before).not.toContain("127.0.0.11");
    expect(await lookup("two", "uno", client)).toEqual([]);
    await c("network", "connect", "--alias", "uno", "live", "one");
    const address = await addressOn("live", "one");
    expect(await lookup("two", "uno", client)).toEqual([address]);
    expect(await c("exec", "one", "cat", "/etc/resolv.conf")).toContain("nameserver 127.0.0.11\noptions");
    expect(await lookup("one", "two", client)).toEqual([await addressOn("live", "two")]);
    await c("rename", "one", "first");
    expect(await lookup("two", "first", client)).toEqual([address]);
    expect(await lookup("two", "one", client)).toEqual([]);
    expect(JSON.parse(await c("inspect", "-f", "{{json .NetworkSettings.Networks.live.DNSNames}}", "first"))).toContain(
      "first",
    );
    await c("network", "disconnect", "live", "first");
    expect(await lookup("two", "uno", client)).toEqual([]);
    await c("rm", "-f", "first", "two");
    await c("network", "rm", "live");
  });
});

test("what a user wrote into resolv.conf stays", async () => {
  await d("network", "create", "late");
  await d("run", "-d", "--name", "own", "busybox", "sleep", "600");
  await d("exec", "own", "sh", "-c", "echo nameserver 192.0.2.1 > /etc/resolv.conf");
  await d("network", "connect", "late", "own");
  expect(await d("exec", "own", "cat", "/etc/resolv.conf")).toBe("nameserver 192.0.2.1");
  await d("rm", "-f", "own");
  await d("network", "rm", "late");
});

test("one alias of several containers gives all of them, and what ends is gone", async () => {
  await d("network", "create", "pool");
  const names = ["p1", "p2", "p3"];
  for (const name of names) {
    await d("run", "-d", "--name", name, "--network", "pool", "--network-alias", "pool", "busybox", "sleep", "600");
  }
  const addresses = await Promise.all(names.map((name) => addressOn("pool", name)));
  expect((await lookup("p1", "pool")).sort()).toEqual([...addresses].sort());
  await d("kill", "p3");
  await until("p3 is gone", async () => (await lookup("p1", "pool")).length === 2);
  expect(await lookup("p1", "p3")).toEqual([]);
  await d("rm", "-f", ...names);
  await d("network", "rm", "pool");
});

test("a container sees the names of its own networks only", async () => {
  await d("network", "create", "left");
  await d("network", "create", "right");
  await d("run", "-d", "--name", "lefty", "--network", "left", "busybox", "sleep", "600");
  await d("run", "-d", "--name", "righty", "--network", "right", "busybox", "sleep", "600");
  expect(await lookup("lefty", "righty")).toEqual([]);
  expect(await lookup("lefty", "righty.right")).toEqual([]);
  expect(await lookup("lefty", "lefty")).toHaveLength(1);
  await d("rm", "-f", "lefty", "righty");
  await d("network", "rm", "left", "right");
});

test("hardening 103: other names are asked outside, never from an internal network", async () => {
  await d("network", "create", "open");
  await d("network", "create", "--internal", "shut");
  const gatewayOf = (network: string) => d("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network);
  const [near, far] = [await outside(await gatewayOf("open")), await outside(await gatewayOf("shut"))];
  const start = async (name: string, network: string) =>
    d("run", "-d", "--name", name, "--network", network, "--dns", await gatewayOf(network), "busybox", "sleep", "600");
  try {
    await start("out", "open");
    await start("in", "shut");
    expect(await lookup("out", "example.test")).toEqual(["192.0.2.7"]);
    expect(near.asked).toContain("example.test");
    expect(await lookup("out", "out")).toHaveLength(1);
    expect(near.asked).not.toContain("out");
    // Its server is in reach, and asked nothing all the same.
    expect(await lookup("in", "secret.test")).toEqual([]);
    expect(await lookup("in", "in")).toHaveLength(1);
    expect(far.asked).toEqual([]);
    await d("network", "connect", "open", "in");
    expect(await lookup("in", "secret.test")).toEqual(["192.0.2.7"]);
  } finally {
    near.close();
    far.close();
  }
  await d("rm", "-f", "out", "in");
  await d("network", "rm", "open", "shut");
});

/** Sends questions to the name server of the namespace for two seconds, without waiting for an answer. */
const flood = `
  const query = Buffer.from("0007010000010000000000000566696e6435000001" + "0001", "hex");
  const socket = await Bun.udpSocket({ connect: { hostname: "127.0.0.11", port: 53 }, socket: { data() {} } });
  for (const until = Date.now() + 2000; Date.now() < until; ) try { socket.send(query) } catch {}
  process.exit(0);`;

test("hardening 106: a flood of questions from one container leaves the others' answered", async () => {
  await d("network", "create", "noisy");
  for (const name of ["loud", "calm"])
    await d("run", "-d", "--name", name, "--network", "noisy", "busybox", "sleep", "600");
  const path = await d("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", "loud");
  const flooding = run(["nsenter", `--net=${path}`, process.execPath, "-e", flood]);
  let asked = 0;
  for (const end = Date.now() + 1500; Date.now() < end; asked++) expect(await lookup("calm", "calm")).toHaveLength(1);
  expect(asked).toBeGreaterThan(slowness > 1 ? 0 : 3);
  expect((await flooding).stderr).toBe("");
  expect(await lookup("loud", "calm")).toHaveLength(1);
  await d("rm", "-f", "loud", "calm");
  await d("network", "rm", "noisy");
});

test("the host has a name on every network that leads to it", async () => {
  await d("network", "create", "open2");
  await d("network", "create", "--internal", "shut2");
  const hosts = (network: string) => d("run", "--rm", "--network", network, "busybox", "cat", "/etc/hosts");
  for (const network of ["bridge", "open2"]) {
    const gateway = await d("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network);
    expect(await hosts(network)).toContain(`${gateway}\thost.docker.internal host.containers.internal`);
    const ping = ["run", "--rm", "--network", network, "busybox", "ping", "-c1", "-W2", "host.docker.internal"];
    expect(await d(...ping)).toContain("1 packets received");
  }
  for (const network of ["shut2", "none", "host"]) expect(await hosts(network)).not.toContain("host.docker.internal");
  // It follows a running container's way out, and lines of the user's stay.
  const gatewayOf = (network: string) => d("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network);
  const named = async (box: string) =>
    (await d("exec", box, "cat", "/etc/hosts")).match(/.*host\.docker\.internal.*/g) ?? [];
  const line = (address: string) => `${address}\thost.docker.internal host.containers.internal`;
  await d("run", "-d", "--name", "mover", "--network", "shut2", "busybox", "sleep", "600");
  await d("exec", "mover", "sh", "-c", "echo 10.9.9.9 mine >> /etc/hosts");
  expect(await named("mover")).toEqual([]);
  await d("network", "connect", "open2", "mover");
  expect(await named("mover")).toEqual([line(await gatewayOf("open2"))]);
  await d("network", "connect", "--gw-priority", "1", "bridge", "mover");
  expect(await named("mover")).toEqual([line(await gatewayOf("bridge"))]);
  await d("network", "disconnect", "bridge", "mover");
  expect(await named("mover")).toEqual([line(await gatewayOf("open2"))]);
  await d("network", "disconnect", "open2", "mover");
  expect(await named("mover")).toEqual([]);
  expect(await d("exec", "mover", "cat", "/etc/hosts")).toContain("10.9.9.9 mine");
  const chosen = ["--add-host", "host.docker.internal:10.9.9.8", "busybox", "sleep", "600"];
  await d("run", "-d", "--name", "chooser", "--network", "shut2", ...chosen);
  await d("network", "connect", "open2", "chooser");
  expect(await named("chooser")).toEqual(["10.9.9.8\thost.docker.internal"]);
  await d("rm", "-f", "mover", "chooser");
  await d("network", "rm", "open2", "shut2");
});

test("a container may serve DNS itself, on every address it has", async () => {
  await d("network", "create", "own53");
  await d("run", "-d", "--name", "ns", "--network", "own53", "busybox", "sh", "-c", "sleep 600 | nc -l -p 53");
  expect(await d("ps", "-q", "-f", "name=ns")).not.toBe("");
  const listens = () => d("exec", "ns", "cat", "/proc/net/tcp", "/proc/net/tcp6");
  await until("port 53", async () => (await listens()).includes("0000:0035 "));
  expect(await lookup("ns", "ns")).toHaveLength(1);
  await d("rm", "-f", "ns");
  await d("network", "rm", "own53");
});

test("links have their alias on the network, for the container that made them", async () => {
  await d("network", "create", "linked");
  await d("run", "-d", "--name", "base", "--network", "linked", "busybox", "sleep", "600");
  await d("run", "-d", "--name", "user", "--network", "linked", "--link", "base:store", "busybox", "sleep", "600");
  expect(await lookup("user", "store")).toEqual([await addressOn("linked", "base")]);
  expect(await lookup("base", "store")).toEqual([]);
  await d("rm", "-f", "user", "base");
  await d("network", "rm", "linked");
});

test("names resolve while the daemon is dead, and again soon after netd died", async () => {
  await d("network", "create", "steady");
  await d("run", "-d", "--name", "s1", "--network", "steady", "busybox", "sleep", "600");
  await d("run", "-d", "--name", "s2", "--network", "steady", "busybox", "sleep", "600");
  const path = await d("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", "s1");
  const address = await addressOn("steady", "s2");
  const inside = () => run(["nsenter", `--net=${path}`, "busybox", "nslookup", "-type=a", "s2", "127.0.0.11"]);
  await daemon().kill9();
  expect((await inside()).stdout).toContain(address);
  await daemon().start();
  expect(await lookup("s1", "s2")).toEqual([address]);
  const pids = await daemon().netdPids();
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await until("another netd", async () => (await daemon().netdPids()).some((pid) => !pids.includes(pid)));
  await until("names are back", async () => (await inside()).stdout.includes(address));
  expect(await lookup("s2", "s1")).toHaveLength(1);
  await d("rm", "-f", "s1", "s2");
  await d("network", "rm", "steady");
}, 60_000);
