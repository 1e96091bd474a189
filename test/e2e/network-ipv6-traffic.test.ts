/** IPv6 traffic from and to other machines, containers and this host: what passes, and what does not. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { run, succeed, until } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";
import { address6Of, addressOf, ask, netnsOf, Outside, pythonIn } from "./network-outside.ts";

const daemon = withDaemon();
let outside: Outside;
beforeAll(async () => {
  outside = await Outside.of(daemon());
});
afterAll(() => outside[Symbol.asyncDispose]());

const option = "com.docker.network.bridge";
const web = "mkdir -p /www; echo page > /www/index.html; httpd -p 81 -h /www; exec httpd -f -p 80 -h /www";

async function network(name: string, ...flags: string[]): Promise<void> {
  const made = await daemon().dhow("network", "create", "--ipv6", ...flags, name);
  if (made.code !== 0) throw new Error(made.stderr);
}

/** Starts a web server at the ports 80 and 81; its namespace. */
async function serve(name: string, ...flags: string[]): Promise<string> {
  const result = await daemon().dhow("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", web);
  if (result.code !== 0) throw new Error(result.stderr);
  const netns = await netnsOf(daemon(), name);
  await until("the server", async () => (await ask(netns, "http://127.0.0.1/")) === 200);
  return netns;
}

async function clear(names: string[], networks: string[]): Promise<void> {
  await daemon().dhow("rm", "-f", ...names);
  await daemon().dhow("network", "rm", ...networks);
}

test("a published port answers on both families to everybody; an unpublished one, or one reached by routing, to nobody", async () => {
  await network("pub");
  const port = daemon().port(1);
  const netns = await serve("server", "--network", "pub", "-p", `${port}:80`);
  const guest = await serve("guest", "--network", "pub");
  const shown = await daemon().dhow("port", "server");
  expect(shown.stdout).toBe(`80/tcp -> 0.0.0.0:${port}\n80/tcp -> [::]:${port}\n`);
  const address = await address6Of(daemon(), "server", "pub");
  const { hostAddress, hostAddress6 } = outside;
  for (const url of [`http://127.0.0.1:${port}/`, `http://[::1]:${port}/`, `http://[${hostAddress6}]:${port}/`]) {
    expect([url, await ask(null, url)]).toEqual([url, 200]);
  }
  for (const host of [hostAddress, `[${hostAddress6}]`]) {
    expect(await outside.ask(`http://${host}:${port}/`)).toBe(200);
    expect(await outside.ask(`http://${host}:81/`)).toBe(0);
    // From a container of the same network, and from the server itself.
    expect(await ask(guest, `http://${host}:${port}/`)).toBe(200);
    expect(await ask(netns, `http://${host}:${port}/`)).toBe(200);
  }
  // From a link-local address, which cannot be routed.
  const linkLocal = (await succeed(["ip", "-6", "-br", "addr", "show", "dev", outside.name])).match(
    /fe80::[0-9a-f:]+/,
  )?.[0];
  const asked = async () => (await outside.ask(`http://[${linkLocal}%25eth0]:${port}/`)) === 200;
  await until("an answer at the link-local address, once it is known to be unique", asked);
  // By routing to the container itself.
  for (const at of [80, 81]) expect(await outside.ask(`http://[${address}]:${at}/`)).toBe(0);
  expect(await ask(null, `http://[${address}]:81/`)).toBe(200);
  expect(await ask(guest, `http://[${address}]:81/`)).toBe(200);
  await clear(["server", "guest"], ["pub"]);
}, 30_000);

test("a container sees who asks, and is seen under the host's address unless masquerading is off", async () => {
  const seen = async (flags: string[], at = outside.address6): Promise<string> => {
    await network("masq", "--subnet", `fd00:dd:2:${daemon().slot}::/64`, ...flags);
    await using _server = await pythonServer(outside, "::");
    const asked = await daemon().dhow(
      "run",
      "--rm",
      "--network",
      "masq",
      "busybox",
      ...["timeout", "5", "nc", at, "80"],
    );
    await clear([], ["masq"]);
    return asked.stdout;
  };
  expect(await seen([])).toBe(outside.hostAddress6);
  expect(await seen(["-o", `${option}.enable_ip_masquerade=false`])).toStartWith(`fd00:dd:2:${daemon().slot}::`);
  expect(await seen(["-o", `${option}.gateway_mode_ipv6=routed`])).toStartWith(`fd00:dd:2:${daemon().slot}::`);
  const other = `${outside.hostAddress6}99`;
  await succeed(["ip", "-6", "addr", "add", `${other}/64`, "dev", outside.name, "nodad"]);
  expect(await seen(["-o", `com.docker.network.host_ipv6=${other}`])).toBe(other);
  const other4 = `${outside.hostAddress}9`;
  await succeed(["ip", "addr", "add", `${other4}/24`, "dev", outside.name]);
  expect(await seen(["-o", `com.docker.network.host_ipv4=${other4}`], outside.address)).toBe(`::ffff:${other4}`);
}, 30_000);

/** Tells one client of port 80 its address. */
async function pythonServer(from: Outside, host: string): Promise<AsyncDisposable> {
  const program = `import socket\ns=socket.socket(10);s.setsockopt(1,2,1);s.bind(("${host}",80));s.listen();print("up");c,a=s.accept();c.send(a[0].encode())`;
  const child = await pythonIn(`/run/netns/${from.name}`, program);
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

test("a port published on ::1 answers to this host alone, whatever a neighbour writes on its packets", async () => {
  await network("local");
  const port = daemon().port(2);
  await serve("local", "--network", "local", "-p", `[::1]:${port}:80`, "-p", `[::1]:${port}:80/udp`);
  expect((await daemon().dhow("port", "local", "80/tcp")).stdout).toBe(`[::1]:${port}\n`);
  expect(await ask(null, `http://[::1]:${port}/`)).toBe(200);
  for (const host of [`[${outside.hostAddress6}]`, outside.hostAddress]) {
    expect(await outside.ask(`http://${host}:${port}/`)).toBe(0);
    expect(await ask(null, `http://${host}:${port}/`)).toBe(0);
  }
  expect(await outside.ask(`http://[${await address6Of(daemon(), "local", "local")}]/`)).toBe(0);
  // Datagrams to ::1, from ::1, and from an address of the container's network, as frames past all routing of the sender.
  const netns = await netnsOf(daemon(), "local");
  const inside = await address6Of(daemon(), "local", "local");
  const heard = await listener(netns, 80);
  const neighbour = inside.replace(/2$/, "99");
  await sendFrames(outside.name, [
    [outside.address6, "::1", port],
    ["::1", outside.hostAddress6, port],
    ["::1", "::1", port],
    [outside.address6, inside, 80],
    [neighbour, inside, 80],
  ]);
  expect(await heard()).toBe("");
  const control = await listener(netns, 80);
  await succeed(["python3", "-c", `import socket;socket.socket(10,2).sendto(b'knock',('::1',${port}))`]);
  expect(await control()).toContain("knock");
  await clear(["local"], ["local"]);
}, 30_000);

/** Collects what a child says. */
function heardFrom(child: Bun.Subprocess<"ignore" | "pipe", "pipe">) {
  let text = "";
  void (async () => {
    for await (const chunk of child.stdout) text += Buffer.from(chunk).toString();
  })();
  return {
    text: () => text,
    has: (word: string) => until(`"${word}"`, () => text.includes(word)),
  };
}

/** Hears datagrams at a port of a namespace; what came, when asked. */
async function listener(netns: string, port: number): Promise<() => Promise<string>> {
  const program = `import socket\ns=socket.socket(10,2);s.bind(("::",${port}));print("up")\nwhile 1: print(s.recv(99))`;
  const child = Bun.spawn(["nsenter", `--net=${netns}`, "python3", "-u", "-c", program], { stdout: "pipe" });
  const heard = heardFrom(child);
  await heard.has("up");
  return async () => {
    await Bun.sleep(300);
    child.kill("SIGKILL");
    await child.exited;
    return heard.text().replace("up\n", "");
  };
}

/** Sends UDP datagrams over IPv6 as frames to this host's end of the link. */
async function sendFrames(name: string, datagrams: [from: string, to: string, port: number][]): Promise<void> {
  const mac = readFileSync(`/sys/class/net/${name}/address`, "utf8").trim().replaceAll(":", "");
  const program = `
import socket,struct
s=socket.socket(17,3);s.bind(('eth0',0))
def total(b): return sum(struct.unpack('!%dH'%(len(b)//2),b))
for f,t,port in ${JSON.stringify(datagrams)}:
  f,t=socket.inet_pton(10,f),socket.inet_pton(10,t)
  p=b'knock!';n=8+len(p)
  c=total(f+t+struct.pack('!II',n,17)+struct.pack('!HHHH',4444,port,n,0)+p)
  while c>>16: c=(c&65535)+(c>>16)
  u=struct.pack('!HHHH',4444,port,n,~c&65535)+p
  s.send(bytes.fromhex('${mac}')+s.getsockname()[4]+b'\\x86\\xdd'+struct.pack('!IHBB',6<<28,n,17,64)+f+t+u)`;
  await succeed(["ip", "netns", "exec", name, "python3", "-c", program]);
}

test("containers of two networks cannot reach each other, by address, published port, gateway or proxy", async () => {
  await network("one");
  await network("two");
  const port = daemon().port(3);
  const plain = daemon().port(4);
  const far = await serve("far", "--network", "two");
  await serve("near", "--network", "one", "-p", `${port}:80`);
  // IPv6 clients reach this one by a proxy of netd's, which listens on the host.
  await serve("plain", "-p", `${plain}:80`);
  expect(await ask(null, `http://[::1]:${plain}/`)).toBe(200);
  expect(await outside.ask(`http://[${outside.hostAddress6}]:${plain}/`)).toBe(200);
  const gateways = await Promise.all(
    ["one", "two"].map(async (name) => {
      const format = "{{range .IPAM.Config}}{{.Gateway}} {{end}}";
      return (await daemon().dhow("network", "inspect", "-f", format, name)).stdout.trim().split(" ")[1] ?? "";
    }),
  );
  const device = (await succeed(["nsenter", `--net=${far}`, "ip", "-6", "neigh"])).match(/fe80::[0-9a-f:]+/)?.[0];
  const linkLocal = device ? [`[${device}%25eth0]`] : [];
  const near = await address6Of(daemon(), "near", "one");
  const hosts = [...gateways.map((gateway) => `[${gateway}]`), `[${outside.hostAddress6}]`, ...linkLocal];
  const urls = [`http://[${near}]/`, ...hosts.flatMap((host) => [port, plain].map((at) => `http://${host}:${at}/`))];
  for (const url of urls) expect([url, await ask(far, url)]).toEqual([url, 0]);
  expect((await run(["nsenter", `--net=${far}`, "ping", "-c1", "-W1", near])).code).not.toBe(0);
  await clear(["far", "near", "plain"], ["one", "two"]);
}, 60_000);

test.each(["0", "1"])(
  "enable_icc=false keeps neighbours apart with bridge-nf-call-ip6tables=%s, published ports still answer",
  async (value) => {
    const path = "/proc/sys/net/bridge/bridge-nf-call-ip6tables";
    const old = readFileSync(path, "utf8");
    writeFileSync(path, value);
    try {
      await network("apart", "-o", `${option}.enable_icc=false`);
      const port = daemon().port(5);
      await serve("server", "--network", "apart", "-p", `${port}:80`);
      const guest = await serve("guest", "--network", "apart");
      expect(await ask(guest, `http://[${await address6Of(daemon(), "server", "apart")}]/`)).toBe(0);
      expect(await ask(guest, `http://[${outside.hostAddress6}]:${port}/`)).toBe(200);
      expect(await outside.ask(`http://[${outside.hostAddress6}]:${port}/`)).toBe(200);
      await clear(["server", "guest"], ["apart"]);
    } finally {
      writeFileSync(path, old);
    }
  },
  30_000,
);

test("an internal network leads nowhere and is reached from nowhere but itself and this host", async () => {
  await network("inner", "--internal");
  const netns = await serve("server", "--network", "inner");
  const guest = await serve("guest", "--network", "inner");
  const address = await address6Of(daemon(), "server", "inner");
  expect(await ask(guest, `http://[${address}]/`)).toBe(200);
  expect(await ask(null, `http://[${address}]/`)).toBe(200);
  expect(await outside.ask(`http://[${address}]/`)).toBe(0);
  expect((await succeed(["nsenter", `--net=${netns}`, "ip", "-6", "route"])).includes("default")).toBe(false);
  // Also one that makes itself a way out.
  const gateway = address.replace(/:[^:]*$/, ":1");
  await succeed(["nsenter", `--net=${netns}`, "ip", "-6", "route", "add", "default", "via", gateway]);
  await using _server = await pythonServer(outside, "::");
  const asked = ["exec", "server", "timeout", "1", "nc", outside.address6, "80"];
  expect((await daemon().dhow(...asked)).stdout).toBe("");
  await clear(["server", "guest"], ["inner"]);
}, 30_000);

test("gateway modes: routed opens published ports by routing, nat-unprotected all of them, isolated has no gateway", async () => {
  const modes = (mode: string) =>
    ["ipv4", "ipv6"].flatMap((family) => ["-o", `${option}.gateway_mode_${family}=${mode}`]);
  const port = daemon().port(6);
  const reach = async (name: string, net: string) => {
    const hosts = [await addressOf(daemon(), name, net), `[${await address6Of(daemon(), name, net)}]`];
    return Promise.all(hosts.flatMap((host) => [80, 81].map((at) => outside.ask(`http://${host}:${at}/`))));
  };
  const onHost = () =>
    Promise.all(
      ["127.0.0.1", "[::1]", `[${outside.hostAddress6}]`].map((host) => ask(null, `http://${host}:${port}/`)),
    );
  await network("other");
  const far = await serve("far", "--network", "other");
  await network("routed", ...modes("routed"));
  await serve("routed", "--network", "routed", "-p", `${port}:80`);
  expect(await reach("routed", "routed")).toEqual([200, 0, 200, 0]);
  expect(await onHost()).toEqual([0, 0, 0]);
  const ports = await daemon().dhow("inspect", "-f", "{{json .NetworkSettings.Ports}}", "routed");
  expect(JSON.parse(ports.stdout)).toEqual({
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "" },
      { HostIp: "::", HostPort: "" },
    ],
  });
  const address = await address6Of(daemon(), "routed", "routed");
  expect((await daemon().dhow("exec", "far", "ping", "-c1", "-W1", address)).code).toBe(0);
  expect(await ask(far, `http://[${address}]/`)).toBe(0);
  await killNetd();
  expect(await reach("routed", "routed")).toEqual([200, 0, 200, 0]);
  expect(await onHost()).toEqual([0, 0, 0]);
  await daemon().dhow("rm", "-f", "routed");
  await network("bare", ...modes("nat-unprotected"));
  await serve("bare", "--network", "bare", "-p", `${port}:80`);
  expect(await reach("bare", "bare")).toEqual([200, 200, 200, 200]);
  expect(await onHost()).toEqual([200, 200, 200]);
  expect(await ask(far, `http://[${await address6Of(daemon(), "bare", "bare")}]/`)).toBe(0);
  await daemon().dhow("rm", "-f", "bare");
  await network("isolated", "--internal", ...modes("isolated"));
  const id = (await daemon().dhow("network", "inspect", "-f", "{{.Id}}", "isolated")).stdout;
  const netns = await serve("first", "--network", "isolated", "-p", `${port}:80`);
  const closed = await daemon().dhow("inspect", "-f", "{{json .NetworkSettings.Ports}}", "first");
  expect(closed.stdout).toBe("{}\n");
  await serve("second", "--network", "isolated");
  expect(await address6Of(daemon(), "first", "isolated")).toEndWith("::1");
  expect(await succeed(["ip", "addr", "show", "dev", `br-${id.slice(0, 12)}`])).not.toContain("inet");
  expect(await ask(netns, `http://[${await address6Of(daemon(), "second", "isolated")}]/`)).toBe(200);
  expect(await onHost()).toEqual([0, 0, 0]);
  await clear(["first", "second", "far"], ["routed", "bare", "isolated", "other"]);
}, 60_000);

test("names of the world come from a server with an IPv6 address, in a network of IPv6 alone", async () => {
  const program = `import socket\ns=socket.socket(10,2);s.bind(("${outside.address6}",53));print("up")
while 1:
 d,a=s.recvfrom(512);n=d.index(b"\\0",12)+5
 s.sendto(d[:2]+b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0"+d[12:n]+b"\\xc0\\x0c\\0\\x1c\\0\\1\\0\\0\\0\\1\\0\\x10"+socket.inet_pton(10,"fd00:dd:9::9"),a)`;
  const server = await pythonIn(`/run/netns/${outside.name}`, program);
  await network("alone", "--ipv4=false");
  const asked = await daemon().dhow(
    ...["run", "--rm", "--network", "alone", "--dns", outside.address6, "busybox"],
    ...["nslookup", "-type=aaaa", "world.example"],
  );
  expect(asked.stdout).toContain("Address: fd00:dd:9::9");
  server.kill("SIGKILL");
  await clear([], ["alone"]);
}, 30_000);

test("UDP is published on both families, and a client that goes on sending finds the next container", async () => {
  await network("udp");
  const port = daemon().port(7);
  const echo = (word: string) =>
    `import socket\ns=socket.socket(10,2);s.setsockopt(41,26,0);s.bind(("::",53));print("up")\nwhile 1:\n d,a=s.recvfrom(99);s.sendto(b"${word}",a)`;
  const client = Bun.spawn(
    [
      ...["ip", "netns", "exec", outside.name, "python3", "-u", "-c"],
      `import socket,time\ns=socket.socket(10,2);s.settimeout(.2);last=b""\nwhile 1:\n s.sendto(b"?",("${outside.hostAddress6}",${port}))\n try:\n  d=s.recv(99)\n  if d!=last: print(d.decode());last=d\n except OSError: pass\n time.sleep(.05)`,
    ],
    { stdout: "pipe" },
  );
  const heard = heardFrom(client);
  try {
    for (const name of ["first", "second"]) {
      await daemon().dhow(
        "run",
        "-d",
        "--name",
        name,
        "--network",
        "udp",
        "-p",
        `${port}:53/udp`,
        "busybox",
        "sleep",
        "99",
      );
      const server = await pythonIn(await netnsOf(daemon(), name), echo(name));
      await heard.has(name);
      const local = `import socket\nfor h in ("127.0.0.1","::1"):\n s=socket.socket(10 if ":" in h else 2,2);s.settimeout(3);s.sendto(b"?",(h,${port}));print(s.recv(99).decode())`;
      expect((await succeed(["python3", "-c", local])).trim()).toBe(`${name}\n${name}`);
      server.kill("SIGKILL");
      await daemon().dhow("rm", "-f", name);
      // Whoever comes next is at another address.
      await daemon().dhow("run", "-d", "--name", `after-${name}`, "--network", "udp", "busybox", "sleep", "99");
    }
  } finally {
    client.kill("SIGKILL");
  }
  await clear(["after-first", "after-second"], ["udp"]);
}, 30_000);

async function endNetd(): Promise<void> {
  for (const pid of await daemon().netdPids()) process.kill(pid, "SIGKILL");
}

/** Waits for one that has taken over what is there: it answers what is asked of a running container's network. */
async function anotherNetd(): Promise<void> {
  const containers = await daemon().dhow("ps", "-q");
  for (const id of containers.stdout.trim().split("\n")) {
    await until("another netd", async () => {
      const { stdout } = await daemon().dhow("stats", "--no-stream", "--format", "{{.NetIO}}", id);
      return /[1-9]/.test(stdout);
    });
  }
}

async function killNetd(): Promise<void> {
  await endNetd();
  await anotherNetd();
}

test("an IPv6 connection lives through a restart of the daemon and the death of netd", async () => {
  await network("lasting");
  const port = daemon().port(8);
  await daemon().dhow(
    "run",
    "-d",
    "--name",
    "echo",
    "--network",
    "lasting",
    "-p",
    `${port}:7`,
    "busybox",
    "sleep",
    "300",
  );
  const echo = `import socket\ns=socket.socket(10);s.bind(("::",7));s.listen();print("up")\nwhile 1:\n c,_=s.accept()\n while 1:\n  d=c.recv(99)\n  if not d: break\n  c.send(d)`;
  const server = await pythonIn(await netnsOf(daemon(), "echo"), echo);
  const program = `import socket,sys\ns=socket.create_connection(("${outside.hostAddress6}",${port}));s.settimeout(5)\nfor line in sys.stdin:\n s.send(line.encode());print(s.recv(99).decode().strip(),flush=True)`;
  const client = Bun.spawn(["ip", "netns", "exec", outside.name, "python3", "-u", "-c", program], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const reader = client.stdout.getReader();
  const say = async (word: string): Promise<string> => {
    client.stdin.write(`${word}\n`);
    client.stdin.flush();
    return Buffer.from((await reader.read()).value ?? "")
      .toString()
      .trim();
  };
  try {
    await say("before");
    const settings = await daemon().dhow("inspect", "-f", "{{json .NetworkSettings.Networks}}", "echo");
    await daemon().restart();
    await say("restarted");
    await endNetd();
    await say("without netd");
    expect(await ask(null, `http://[${await address6Of(daemon(), "echo", "lasting")}]:7/`)).toBe(0);
    await anotherNetd();
    await say("another netd");
    expect((await daemon().dhow("inspect", "-f", "{{json .NetworkSettings.Networks}}", "echo")).stdout).toBe(
      settings.stdout,
    );
    // And the table is as it was: what is not published stays closed.
    expect(await outside.ask(`http://[${await address6Of(daemon(), "echo", "lasting")}]:7/`)).toBe(0);
  } finally {
    client.kill("SIGKILL");
    server.kill("SIGKILL");
  }
  await clear(["echo"], ["lasting"]);
}, 40_000);
