/** Ways to published ports that a daemon or a network has to be told of: the containers' own addresses, and no proxies. */
import { expect, test } from "bun:test";
import { until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { address6Of, addressOf, ask, netnsOf, Outside } from "./network-outside.ts";

const trusted = "com.docker.network.bridge.trusted_host_interfaces";
const web = "mkdir -p /www; echo page > /www/index.html; httpd -p [::]:81 -h /www; exec httpd -f -p [::]:80 -h /www";

async function withFlags(...flags: string[]): Promise<TestDaemon> {
  const daemon = await TestDaemon.start({ flags: ["--ipv6", ...flags] });
  await daemon.must("import", await busyboxTar(), "busybox:latest");
  return daemon;
}

async function serve(daemon: TestDaemon, name: string, ...flags: string[]): Promise<string> {
  await daemon.must("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", web);
  const netns = await netnsOf(daemon, name);
  await until("the server", async () => (await ask(netns, "http://127.0.0.1/")) === 200);
  return netns;
}

/** How another machine is answered at the addresses of a container: ports 80 and 81 of IPv4, then of IPv6. */
async function reach(daemon: TestDaemon, outside: Outside, name: string, network = "bridge"): Promise<number[]> {
  const hosts = [await addressOf(daemon, name, network), `[${await address6Of(daemon, name, network)}]`];
  return Promise.all(hosts.flatMap((host) => [80, 81].map((port) => outside.ask(`http://${host}:${port}/`))));
}

test("hardening 99: only trusted_host_interfaces lead another machine to a container's published ports, and to no others", async () => {
  await using daemon = await withFlags();
  await using outside = await Outside.of(daemon);
  const create = (name: string, value: string) =>
    daemon.dhow("network", "create", "--ipv6", "-o", `${trusted}=${value}`, name);
  expect((await create("bad", "a/b")).stderr).toBe(
    `Error response from daemon: invalid device name in ${trusted}: "a/b"\n`,
  );
  expect((await create("near", `nosuch:${outside.name}`)).stderr).toBe("");
  expect((await create("far", "nosuch")).stderr).toBe("");
  const port = daemon.port(1);
  for (const name of ["near", "far"]) await serve(daemon, name, "--network", name, "-p", `${port + name.length}:80`);
  // Published on this host's loopback alone: the container's address leads there no more than the host's does.
  await serve(daemon, "local", "--network", "near", "-p", `127.0.0.1:${port}:80`);
  const all = async () => [
    await reach(daemon, outside, "near", "near"),
    await reach(daemon, outside, "far", "far"),
    await reach(daemon, outside, "local", "near"),
  ];
  const wanted = [[200, 0, 200, 0], Array(4).fill(0), Array(4).fill(0)];
  expect(await all()).toEqual(wanted);
  // Another network of this engine is no neighbour.
  expect(await ask(await netnsOf(daemon, "far"), `http://${await addressOf(daemon, "near", "near")}/`)).toBe(0);
  await daemon.restart();
  expect(await all()).toEqual(wanted);
  // The same container's port under a second number of the host's keeps the way open when the first one goes.
  await daemon.must("update", "--publish-add", `${daemon.port(9)}:80`, "near");
  await daemon.must("update", "--publish-rm", `${port + 4}:80`, "near");
  expect(await reach(daemon, outside, "near", "near")).toEqual([200, 0, 200, 0]);
  await daemon.must("update", "--publish-rm", `${daemon.port(9)}:80`, "near");
  expect(await reach(daemon, outside, "near", "near")).toEqual([0, 0, 0, 0]);
  await daemon.must("rm", "-f", "near", "far", "local");
  await daemon.must("network", "rm", "near", "far");
}, 60_000);

test("--allow-direct-routing leads everybody to published ports, of both families, until a daemon without it", async () => {
  const flags = ["--allow-direct-routing"];
  await using daemon = await TestDaemon.start({ flags });
  flags.push("--ipv6");
  await daemon.restart();
  await daemon.must("import", await busyboxTar(), "busybox:latest");
  await using outside = await Outside.of(daemon);
  await serve(daemon, "web", "-p", `${daemon.port(1)}:80`);
  await serve(daemon, "local", "-p", `127.0.0.1:${daemon.port(2)}:80`);
  expect(await reach(daemon, outside, "web")).toEqual([200, 0, 200, 0]);
  expect(await reach(daemon, outside, "local")).toEqual([0, 0, 0, 0]);
  flags.shift();
  await daemon.restart();
  expect(await reach(daemon, outside, "web")).toEqual([0, 0, 0, 0]);
  expect(await outside.ask(`http://${outside.hostAddress}:${daemon.port(1)}/`)).toBe(200);
  await daemon.must("rm", "-f", "web", "local");
}, 60_000);

test("--userland-proxy=false publishes what translation reaches and keeps every port from others", async () => {
  await using daemon = await withFlags("--userland-proxy=false");
  const port = (n: number) => daemon.port(n);
  await daemon.must("network", "create", "four");
  const ports = ["-p", `${port(1)}:80`, "-p", `[::]:${port(2)}:80`, "-p", `127.0.0.1:${port(3)}:80`];
  await serve(daemon, "four", "--network", "four", ...ports);
  await serve(daemon, "both", "-p", `${port(4)}:80`, "-p", `[::1]:${port(5)}:80`);
  const shown = async (name: string) =>
    JSON.parse(await daemon.must("inspect", "-f", '{{json (index .NetworkSettings.Ports "80/tcp")}}', name));
  // As dockerd has it: IPv6 clients do not come to a container without IPv6, and nobody comes by ::1.
  expect(await shown("four")).toEqual([
    { HostIp: "0.0.0.0", HostPort: `${port(1)}` },
    { HostIp: "127.0.0.1", HostPort: `${port(3)}` },
  ]);
  expect(await shown("both")).toEqual([
    { HostIp: "0.0.0.0", HostPort: `${port(4)}` },
    { HostIp: "::", HostPort: `${port(4)}` },
    { HostIp: "::1", HostPort: `${port(5)}` },
  ]);
  const answers = async (...urls: string[]) => Promise.all(urls.map((url) => ask(null, `http://${url}/`)));
  expect(await answers(`127.0.0.1:${port(1)}`, `127.0.0.1:${port(3)}`, `127.0.0.1:${port(4)}`)).toEqual([
    200, 200, 200,
  ]);
  expect(await answers(`[::1]:${port(1)}`, `[::1]:${port(2)}`, `[::1]:${port(4)}`, `[::1]:${port(5)}`)).toEqual(
    Array(4).fill(0),
  );
  await using outside = await Outside.of(daemon);
  // A link that has just come up takes a while to find its neighbour.
  const far = `http://[${outside.hostAddress6}]:${port(4)}/`;
  await until("the answer to another machine", async () => (await outside.ask(far)) === 200);
  for (const [hostname, at] of [
    ["0.0.0.0", 1],
    ["::", 4],
    ["::1", 5],
  ] as const) {
    expect(() => Bun.listen({ hostname, port: port(at), socket: { data() {} } })).toThrow();
  }
  await daemon.must("rm", "-f", "four", "both");
  await daemon.must("network", "rm", "four");
}, 60_000);
