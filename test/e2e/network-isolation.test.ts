/** What must not pass between networks and from outside, what must, and that nothing is left of either. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { run, succeed, until } from "../harness/command.ts";
import { type Client, clients, TestDaemon } from "../harness/daemon.ts";
import { expectLedger, settledLedger } from "../harness/ledger.ts";
import { datagramsIn, forgeDatagram, sendDatagram } from "./datagrams.ts";
import { withDaemon } from "./fixture.ts";
import { addressOf, ask, netnsOf, Outside, pythonIn } from "./network-outside.ts";

const daemon = withDaemon();
let outside: Outside;
beforeAll(async () => {
  outside = await Outside.of(daemon());
});
afterAll(async () => {
  await outside[Symbol.asyncDispose]();
});

const web = ["sh", "-c", "mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www"];

async function serve(client: Client, name: string, ...flags: string[]): Promise<void> {
  const result = await daemon().run(client, "run", "-d", "--name", name, ...flags, "busybox", ...web);
  if (result.code !== 0) throw new Error(result.stderr);
  const netns = await netnsOf(daemon(), name);
  await until("the server", async () => (await ask(netns, "http://127.0.0.1/")) === 200);
}

/** True when a container gets the page. */
async function fetches(client: Client, from: string, url: string): Promise<boolean> {
  const result = await daemon().run(client, "exec", from, "timeout", "1", "wget", "-qO-", url);
  return result.code === 0 && result.stdout === "page\n";
}

async function pings(client: Client, from: string, address: string): Promise<boolean> {
  return (await daemon().run(client, "exec", from, "ping", "-c", "1", "-W", "1", address)).code === 0;
}

const remove = (client: Client, ...names: string[]) => daemon().run(client, "rm", "-f", ...names);

describe.each([...clients])("isolation through %s", (client) => {
  test("hardening 97: over IPv4 (the bridge driver has no IPv6 networks), a network is closed to the containers of another, and opens and closes with connect and disconnect", async () => {
    await daemon().run(client, "network", "create", "left");
    await daemon().run(client, "network", "create", "right");
    await serve(
      client,
      "server",
      "--network",
      "right",
      "-p",
      `${daemon().port(10)}:80`,
      "-p",
      `${daemon().port(10)}:80/udp`,
    );
    await daemon().run(client, "run", "-d", "--name", "guest", "--network", "left", "busybox", "sleep", "300");
    const address = await addressOf(daemon(), "server", "right");
    const gateway = (
      await daemon().run(client, "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "right")
    ).stdout.trim();
    for (const target of [address, `${gateway}:${daemon().port(10)}`]) {
      expect([target, await fetches(client, "guest", `http://${target}/`)]).toEqual([target, false]);
    }
    expect(await pings(client, "guest", address)).toBe(false);
    expect((await daemon().run(client, "network", "connect", "right", "guest")).stderr).toBe("");
    expect(await fetches(client, "guest", `http://${address}/`)).toBe(true);
    expect(await pings(client, "guest", address)).toBe(true);
    expect((await daemon().run(client, "network", "disconnect", "right", "guest")).stderr).toBe("");
    expect(await fetches(client, "guest", `http://${address}/`)).toBe(false);
    expect(await pings(client, "guest", address)).toBe(false);
    // UDP, to the container and by its port on the bridge's address; the datagram from beside it shows that it listens.
    const inServer = await netnsOf(daemon(), "server");
    const heard = await datagramsIn(inServer, 80);
    const guest = await netnsOf(daemon(), "guest");
    for (const [host, port] of [
      [address, 80],
      [gateway, daemon().port(10)],
      [gateway, 80],
    ] as const) {
      await run(["nsenter", `--net=${guest}`, "python3", "-c", sendDatagram(host, port, "leaked")]);
    }
    await succeed(["nsenter", `--net=${inServer}`, "python3", "-c", sendDatagram(address, 80, "done")]);
    expect(await heard.until("done")).toEqual(["done"]);
    await remove(client, "server", "guest");
    expect((await daemon().run(client, "network", "rm", "left", "right")).stderr).toBe("");
  });

  test("hardening 98: another machine reaches what is published to it and nothing else", async () => {
    await serve(client, "open", "-p", `${daemon().port(11)}:80`, "-p", `${daemon().port(14)}:9000/udp`);
    await serve(
      client,
      "local",
      "-p",
      `127.0.0.1:${daemon().port(12)}:80`,
      "-p",
      `127.0.0.1:${daemon().port(13)}:9000/udp`,
    );
    await serve(client, "closed", "--expose", "80");
    expect(await outside.ask(`http://${outside.hostAddress}:${daemon().port(11)}/`)).toBe(200);
    expect(await ask(null, `http://127.0.0.1:${daemon().port(12)}/`)).toBe(200);
    expect(await outside.ask(`http://${outside.hostAddress}:${daemon().port(12)}/`)).toBe(0);
    for (const name of ["open", "local", "closed"]) {
      expect([name, await outside.ask(`http://${await addressOf(daemon(), name)}/`)]).toEqual([name, 0]);
    }
    // 127.0.0.1 routed to this host, and a forged loopback source.
    const inOutside = ["ip", "netns", "exec", outside.name];
    await succeed([...inOutside, "sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"]);
    await succeed([...inOutside, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo"]);
    await succeed([...inOutside, "ip", "route", "del", "table", "local", "127.0.0.0/8"]).catch(() => "");
    await succeed([...inOutside, "ip", "route", "add", "127.0.0.1", "via", outside.hostAddress]);
    expect(await outside.ask(`http://127.0.0.1:${daemon().port(12)}/`)).toBe(0);
    await succeed([...inOutside, "ip", "route", "del", "127.0.0.1"]);
    // A source that is forged: this host's loopback address, or the bridge's own. Nothing of it arrives in the container.
    const netns = await netnsOf(daemon(), "local");
    const container = await addressOf(daemon(), "local");
    const heard = await datagramsIn(netns, 9000);
    const heardByOpen = await datagramsIn(await netnsOf(daemon(), "open"), 9000);
    const from = { netns: `/run/netns/${outside.name}`, via: outside.hostAddress };
    for (const source of ["127.0.0.1", `10.213.${daemon().slot}.1`, outside.address]) {
      await forgeDatagram({ ...from, source, target: container, port: 9000 });
      await forgeDatagram({ ...from, source, target: "127.0.0.1", port: daemon().port(13) });
    }
    // The same frame with its true source and a port that is open to it arrives, and so does this host's own datagram.
    await forgeDatagram({ ...from, source: outside.address, target: outside.hostAddress, port: daemon().port(14) });
    expect(await heardByOpen.until("forged")).toEqual(["forged"]);
    await succeed(["python3", "-c", sendDatagram("127.0.0.1", daemon().port(13), "done")]);
    expect(await heard.until("done")).toEqual(["done"]);
    await succeed([...inOutside, "ip", "addr", "add", "127.0.0.1/8", "dev", "lo"]);
    await remove(client, "open", "local", "closed");
  });

  test("hardening 104: an IPv4 network has no IPv6 address and believes no router", async () => {
    const inside = await daemon().run(
      client,
      ...["run", "--rm", "busybox", "sh", "-c"],
      "ip -6 addr show dev eth0; cat /proc/sys/net/ipv6/conf/eth0/accept_ra /proc/sys/net/ipv6/conf/eth0/disable_ipv6",
    );
    expect(inside.stdout).toBe("0\n1\n");
    expect(readFileSync(`/proc/sys/net/ipv6/conf/${daemon().bridge}/accept_ra`, "utf8").trim()).toBe("0");
    expect((await succeed(["ip", "-6", "addr", "show", "dev", daemon().bridge])).trim()).toBe("");
  });

  test("port 0, ranges, -P, UDP and IPv6 are published as asked", async () => {
    await serve(
      client,
      "many",
      "-p",
      "0:80",
      "-p",
      `${daemon().port(20)}-${daemon().port(29)}:81`,
      "-p",
      `[::1]:${daemon().port(30)}:80`,
      "-p",
      `${daemon().port(31)}:90/udp`,
    );
    await serve(client, "all", "-P", "--expose", "80");
    await serve(client, "next", "-p", `${daemon().port(20)}-${daemon().port(29)}:81`);
    const port = async (name: string, inner: string): Promise<string[]> =>
      (await daemon().run(client, "port", name, inner)).stdout.trim().split("\n").sort();
    const free = Number((await port("many", "80")).find((one) => one.startsWith("0.0.0.0"))?.split(":")[1]);
    expect(free).toBeGreaterThan(1024);
    expect(await ask(null, `http://127.0.0.1:${free}/`)).toBe(200);
    expect(await ask(null, `http://[::1]:${daemon().port(30)}/`)).toBe(200);
    expect(await ask(null, `http://127.0.0.1:${daemon().port(30)}/`)).toBe(0);
    expect(await port("many", "81")).toContain(`0.0.0.0:${daemon().port(20)}`);
    expect(await port("next", "81")).toContain(`0.0.0.0:${daemon().port(21)}`);
    const chosen = (await port("all", "80")).find((one) => one.startsWith("0.0.0.0"));
    expect(await ask(null, `http://127.0.0.1:${chosen?.split(":")[1]}/`)).toBe(200);
    await remove(client, "many", "all", "next");
  });

  test("a UDP client that goes on sending is answered by the container that has the port now", async () => {
    const echo = (word: string) =>
      `import socket; s=socket.socket(2,2); s.bind(("",90)); print("up")\nwhile True:\n d,a=s.recvfrom(99); s.sendto(b"${word}",a)`;
    const sender = Bun.spawn(
      [
        "python3",
        "-u",
        "-c",
        `import socket,time; s=socket.socket(2,2); s.bind(("127.0.0.1",0)); s.settimeout(.1)
while True:
 try:
  s.sendto(b"x",("127.0.0.1",${daemon().port(32)})); print(s.recvfrom(99)[0].decode())
 except OSError: print("-")
 time.sleep(.02)`,
      ],
      { stdout: "pipe", stderr: "ignore" },
    );
    let heard = "";
    const listening = (async () => {
      for await (const chunk of sender.stdout) heard = new TextDecoder().decode(chunk).trim().split("\n").at(-1) ?? "";
    })();
    try {
      for (const word of ["one", "two"]) {
        await daemon().run(
          client,
          "run",
          "-d",
          "--name",
          word,
          "-p",
          `${daemon().port(32)}:90/udp`,
          "busybox",
          "sleep",
          "300",
        );
        const server = await pythonIn(await netnsOf(daemon(), word), echo(word));
        await until(`the answer ${word}`, () => heard === word, 3000);
        server.kill("SIGKILL");
        await remove(client, word);
      }
    } finally {
      sender.kill("SIGKILL");
      await listening;
    }
  });
});

describe("the proxy of IPv6 clients", () => {
  const echo = `
import socketserver,threading
class H(socketserver.BaseRequestHandler):
  def handle(self):
    d=b""
    while True:
      c=self.request.recv(65536)
      if not c: break
      d+=c
    self.request.sendall(d)
class S(socketserver.ThreadingTCPServer):
  request_queue_size=2000
s=S(("",80),H); print("up"); s.serve_forever()`;

  test("keeps a half-closed connection open and carries a thousand at once", async () => {
    await daemon().dhow(
      "run",
      "-d",
      "--name",
      "echo",
      "-p",
      `[::1]:${daemon().port(40)}:80`,
      "busybox",
      "sleep",
      "300",
    );
    const server = await pythonIn(await netnsOf(daemon(), "echo"), echo);
    const talk = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        let heard = "";
        const socket = connect({ host: "::1", port: daemon().port(40), allowHalfOpen: true }, () => socket.end(text));
        socket.on("data", (chunk) => {
          heard += chunk;
        });
        socket.on("end", () => resolve(heard));
        socket.on("error", reject);
      });
    const words = Array.from({ length: 1000 }, (_, n) => `word ${n}`);
    expect(await Promise.all(words.map(talk))).toEqual(words);
    server.kill("SIGKILL");
    await daemon().dhow("rm", "-f", "echo");
  });

  test("holds little of what a slow reader leaves unread", async () => {
    await daemon().dhow(
      "run",
      "-d",
      "--name",
      "flood",
      "-p",
      `[::1]:${daemon().port(41)}:80`,
      "busybox",
      "sleep",
      "300",
    );
    const counted = join(daemon().root, "flooded");
    const server = await pythonIn(
      await netnsOf(daemon(), "flood"),
      `import socket; s=socket.socket(); s.bind(("",80)); s.listen(); print("up"); c,_=s.accept()
c.setsockopt(1,7,65536); n=0
while True:
  n+=c.send(b"x"*65536); open("${counted}","w").write(str(n))`,
    );
    const socket = connect({ host: "::1", port: daemon().port(41) });
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    socket.pause();
    // The kernel widens its windows for a while; then nothing may move any more.
    let first = -1;
    await until("the flood to stand still", async () => {
      const before = first;
      first = existsSync(counted) ? Number(readFileSync(counted, "utf8")) : -1;
      await Bun.sleep(1000);
      return first > 0 && first === before;
    });
    // The kernel's own buffers at both ends hold up to some megabytes; the proxy adds at most one.
    expect(first).toBeLessThan(16 * 1024 * 1024);
    socket.destroy();
    server.kill("SIGKILL");
    await daemon().dhow("rm", "-f", "flood");
  });
});

test("hardening 109: a hundred networks made and removed at once share no subnet and leave nothing", async () => {
  // Connections that fetch keeps for later would count as descriptors of the daemon.
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(`http://d${path}`, {
      method,
      unix: daemon().socket,
      keepalive: false,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
  const links = async () => (await succeed(["ip", "-o", "link"])).match(/br-[0-9a-f]{12}/g)?.length ?? 0;
  const before = await links();
  const make = async (n: number) => {
    const Config = [{ Subnet: `10.215.${daemon().slot}.${n * 4}/30` }];
    const body = { Name: `crowd${n}`, IPAM: { Driver: "default", Config } };
    const made = await ask("POST", "/networks/create", body);
    expect(made.status).toBe(201);
    const { Id } = (await made.json()) as { Id: string };
    expect((await ask("DELETE", `/networks/${Id}`)).status).toBe(204);
  };
  for (let round = 0; round < 2; round++) await Promise.all(Array.from({ length: 50 }, (_, n) => make(n)));
  expect(await links()).toBe(before);
  const same = await Promise.all(Array.from({ length: 20 }, () => ask("POST", "/networks/create", { Name: "same" })));
  expect(same.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(same.filter(({ status }) => status === 409)).toHaveLength(19);
  await daemon().dhow("network", "rm", "same");
});

test("hardening 109: a hundred endpoints made and removed at once share no address and leave nothing", async () => {
  const d = daemon();
  const before = await settledLedger(d);
  const names = (word: string) => Array.from({ length: 10 }, (_, n) => `${word}${n}`);
  for (const [n, name] of names("net").entries()) {
    await d.must("network", "create", "--subnet", `10.216.${d.slot}.${n * 16}/28`, name);
  }
  await Promise.all(names("box").map((name) => d.must("run", "-d", "--name", name, "busybox", "sleep", "300")));
  const pairs = names("net").flatMap((network) => names("box").map((box) => [network, box] as const));
  for (let round = 0; round < 2; round++) {
    await Promise.all(pairs.map(([network, box]) => d.must("network", "connect", network, box)));
    const endpoints = await Promise.all(
      names("net").map(async (network) => {
        const shown = await d.must("network", "inspect", "-f", "{{json .Containers}}", network);
        return Object.values(JSON.parse(shown) as Record<string, { IPv4Address: string; MacAddress: string }>);
      }),
    );
    expect(endpoints.map((members) => members.length)).toEqual(Array(10).fill(10));
    expect(new Set(endpoints.flat().map(({ IPv4Address }) => IPv4Address)).size).toBe(100);
    expect(new Set(endpoints.flat().map(({ MacAddress }) => MacAddress)).size).toBe(100);
    await Promise.all(pairs.map(([network, box]) => d.must("network", "disconnect", network, box)));
  }
  await d.must("rm", "-f", ...names("box"));
  await d.must("network", "rm", ...names("net"));
  await expectLedger(d, before, { fds: false });
}, 120_000);

test("hardening 108: what overlaps is refused, a released one is given again, a fixed one is not given twice", async () => {
  const d = daemon();
  const overlap = await d.dhow("network", "create", "--subnet", `10.213.${d.slot}.0/25`, "over");
  expect(overlap.code).toBe(1);
  expect(overlap.stderr).toContain("Pool overlaps with other one on this address space");
  // So is what a route of the host covers, or lies in.
  const routed = `10.218.${d.slot}`;
  await succeed(["ip", "route", "add", `${routed}.64/26`, "dev", "lo"]);
  try {
    for (const subnet of [`${routed}.0/24`, `${routed}.64/26`, `${routed}.96/28`]) {
      expect((await d.dhow("network", "create", "--subnet", subnet, "over")).stderr).toContain(
        "Pool overlaps with other",
      );
    }
    expect((await d.dhow("network", "create", "--subnet", `${routed}.0/26`, "over")).stderr).toBe("");
    await d.must("network", "rm", "over");
  } finally {
    await succeed(["ip", "route", "del", `${routed}.64/26`, "dev", "lo"]);
  }
  const subnet = `10.215.${d.slot}`;
  await d.dhow("network", "create", "--subnet", `${subnet}.0/29`, "small");
  const start = (name: string, ...flags: string[]) =>
    d.dhow("run", "-d", "--name", name, "--network", "small", ...flags, "busybox", "sleep", "300");
  expect((await start("fixed", "--ip", `${subnet}.5`)).code).toBe(0);
  expect((await start("again", "--ip", `${subnet}.5`)).stderr).toContain("Address already in use");
  for (const n of [1, 2, 3, 4]) expect((await start(`n${n}`)).code).toBe(0);
  const full = await start("full");
  expect(full.stderr).toContain("no available IPv4 addresses on this network's address pools: small");
  const freed = await addressOf(d, "n2", "small");
  await d.dhow("rm", "-f", "n2", "full");
  expect((await start("reuse")).code).toBe(0);
  expect(await addressOf(d, "reuse", "small")).toBe(freed);
  await d.dhow("rm", "-f", "fixed", "again", "n1", "n3", "n4", "reuse");
  expect((await d.dhow("network", "rm", "small")).stderr).toBe("");
});

test("the API's TCP port is not given to a container, nor reached by one", async () => {
  const flags = ["--tls=false"];
  await using d = TestDaemon.reserve({ flags });
  const port = d.port(50);
  flags.push(`--host=tcp://127.0.0.1:${port}`);
  await d.start();
  const { busyboxTar } = await import("../harness/images.ts");
  await d.docker("import", await busyboxTar(), "busybox:latest");
  const taken = await d.dhow("run", "--rm", "-p", `${port}:80`, "busybox", "true");
  expect(taken.code).toBe(125);
  expect(taken.stderr).toContain("address already in use");
  for (const host of [`10.213.${d.slot}.1`, "127.0.0.1"]) {
    const asked = await d.dhow(
      "run",
      "--rm",
      "busybox",
      "timeout",
      "1",
      "wget",
      "-qO-",
      `http://${host}:${port}/_ping`,
    );
    expect([host, asked.code === 0]).toEqual([host, false]);
  }
});
