/** Other tools that flush, reload and restore the host's rules: in a namespace of its own, for they hit everybody's. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolverSpec } from "../../src/networks/names-on.ts";
import type { EndpointSpec } from "../../src/networks/netd/protocol.ts";
import { NetdClient } from "../../src/networks/netd-client.ts";
import { run, succeed, until } from "../harness/command.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { freshName } from "../harness/fresh-name.ts";
import { pythonIn } from "./network-outside.ts";

const instance = "dhowflush";
const execRoot = mkdtempSync(join(tmpdir(), "dhow-flush-"));
const socket = join(execRoot, "netd.sock");
const firewall = { ipv4: true, ipv6: true };
const client = new NetdClient({ execRoot, socket, instance, firewall, ipForward: true, proxies: true });
let netns = "";
let netd: Bun.Subprocess;
const inside = (...command: string[]) => succeed(["ip", "netns", "exec", netns, ...command]);
const table = () => inside("nft", "-s", "list", "table", "inet", instance);

beforeAll(async () => {
  netns = await freshName(`dhowf${process.pid % 10_000}`);
  await succeed(["ip", "netns", "add", netns]);
  const command = [dhowBinary, "netd", "--exec-root", execRoot, "--instance", instance];
  netd = Bun.spawn(["ip", "netns", "exec", netns, ...command], { stdio: ["ignore", "inherit", "inherit"] });
  await until("netd", () => existsSync(socket));
  for (const n of [1, 2]) {
    const ipv4 = { subnet: `10.211.${n}.0/24`, address: `10.211.${n}.1/24`, mode: "nat" } as const;
    const ipv6 = { subnet: `fd00:dd:${n}::/64`, address: `fd00:dd:${n}::1/64`, mode: "nat" } as const;
    const options = { mtu: 1500, icc: true, masquerade: true, internal: false, trusted: [], direct: false };
    await client.call("ensureBridge", { name: `${instance}${n}`, ipv4, ipv6, ...options, pooled: false });
  }
});
afterAll(async () => {
  await client.shutdown();
  await client[Symbol.asyncDispose]();
  await netd.exited;
  await succeed(["ip", "netns", "delete", netns]);
  rmSync(execRoot, { recursive: true });
});

test("hardening 100: a flush leaves the table as it is, and other tools' chains get our accepts back", async () => {
  const neighbour = ["ip", "ip6"]
    .map(
      (family) =>
        `add table ${family} filter; add chain ${family} filter FORWARD { type filter hook forward priority 0; policy drop; };`,
    )
    .join(" ");
  const accepts = async () => {
    const rules = await Promise.all(
      ["ip", "ip6"].map((one) => inside("nft", "list", "chain", one, "filter", "FORWARD")),
    );
    return rules.every((text) => text.includes(`${instance}1`) && text.includes(`${instance}2`));
  };
  await inside("nft", neighbour);
  await until("the accepts", accepts, 7000);
  const before = await table();
  await inside("nft", "flush", "ruleset");
  expect(await table()).toBe(before);
  const deleted = await run(["ip", "netns", "exec", netns, "nft", "delete", "table", "inet", instance]);
  expect(deleted.stderr).toContain("Operation not permitted");
  await inside("nft", neighbour);
  await until("the accepts again", accepts, 7000);
}, 30_000);

test("hardening 100: while rules are flushed, reloaded and restored no packet passes between bridges", async () => {
  const attach = async (containerId: string, bridge: number, n: number): Promise<string> => {
    const address = (text: string, gateway: string) => ({ address: text, gateway });
    const endpoint: EndpointSpec = {
      ...{
        link: "veth",
        segment: `${instance}${bridge}`,
        ifname: "eth0",
        mac: null,
        names: null,
        sysctls: [],
        linkLocal: [],
      },
      ipv4: address(`10.211.${bridge}.${n}/24`, `10.211.${bridge}.1`),
      ipv6: address(`fd00:dd:${bridge}::${n}/64`, `fd00:dd:${bridge}::1`),
    };
    const state = await client.call("attach", {
      containerId,
      endpoints: [endpoint],
      ports: [],
      resolver: resolverSpec([]),
    });
    // netd has mounts of its own here, which `ip netns exec` gives: its descriptors lead everybody there.
    const descriptors = `/proc/${(await client.call("hello", {})).pid}/fd`;
    const isIts = (name: string) => {
      try {
        return readlinkSync(join(descriptors, name)) === `net:[${state.netns}]`;
      } catch {
        return false;
      }
    };
    return join(descriptors, readdirSync(descriptors).find(isIts) ?? "");
  };
  const paths = {
    from: await attach("from", 1, 2),
    beside: await attach("beside", 1, 3),
    apart: await attach("apart", 2, 2),
  };
  // Datagrams of both families each millisecond, and what of them is heard beside the sender and on the other bridge.
  const hearing = (name: string) => `import os,socket
s=socket.socket(10,2); s.bind(("::",9000)); print("up"); n=0
while True: s.recv(99); n+=1; open("${join(execRoot, name)}.new","w").write(str(n)); os.rename("${join(execRoot, name)}.new","${join(execRoot, name)}")`;
  const sending = `import socket,time
a=socket.socket(2,2); b=socket.socket(10,2); print("up")
while True:
 for s,h in ((a,"10.211.1.3"),(b,"fd00:dd:1::3"),(a,"10.211.2.2"),(b,"fd00:dd:2::2")):
  try: s.sendto(b"x",(h,9000))
  except OSError: pass
 time.sleep(.001)`;
  const children = [await pythonIn(paths.beside, hearing("beside")), await pythonIn(paths.apart, hearing("apart"))];
  const heard = async (name: string) => {
    const file = Bun.file(join(execRoot, name));
    return (await file.exists()) ? Number(await file.text()) : 0;
  };
  try {
    children.push(await pythonIn(paths.from, sending));
    await until("the first datagrams", async () => (await heard("beside")) > 100);
    const before = await table();
    const first = await heard("beside");
    for (let round = 0; round < 20; round++) {
      await inside("nft", "flush", "ruleset");
      await inside("nft", "add table inet other; add chain inet other f { type filter hook forward priority 0; }");
      await run([
        "ip",
        "netns",
        "exec",
        netns,
        "sh",
        "-c",
        "printf '*filter\\nCOMMIT\\n*nat\\nCOMMIT\\n' | iptables-restore",
      ]);
    }
    expect(await heard("beside")).toBeGreaterThan(first + 100);
    expect(await heard("apart")).toBe(0);
    expect(await table()).toBe(before);
    // It does listen, and this host may ask.
    await inside("python3", "-c", 'import socket; socket.socket(2,2).sendto(b"x",("10.211.2.2",9000))');
    await until("this host's datagram", async () => (await heard("apart")) === 1);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    for (const containerId of ["from", "beside", "apart"]) await client.call("detach", { containerId });
  }
}, 60_000);
