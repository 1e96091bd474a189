/** The default network on a bridge of the user's own, and engines without one. */
import { expect, test } from "bun:test";
import { run, succeed, until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { freshName } from "../harness/fresh-name.ts";
import { busyboxTar } from "../harness/images.ts";
import { ask } from "./network-outside.ts";

const web = "mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www";

test("--bridge takes a bridge as it is, with its addresses, and leaves it so", async () => {
  const flags = ["--bip=", "--ipv6"];
  await using d = TestDaemon.reserve({ flags });
  const name = await freshName(`db${d.slot}`);
  const net = `10.209.${d.slot}`;
  const own = [`${net}.5/25`, `${net}.200/28`, `fd00:dd:8:${d.slot}::5/64`];
  await succeed(["ip", "link", "add", name, "type", "bridge"]);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => succeed(["ip", "link", "delete", name]).then(() => {}));
  for (const address of own) await succeed(["ip", "addr", "add", address, "dev", name, "nodad"]);
  const addresses = async () =>
    (await succeed(["ip", "-o", "addr", "show", "dev", name])).match(/\S+ scope global/g) ?? [];
  const before = await addresses();
  expect(before).toHaveLength(3);
  flags.push(`--bridge=${name}`);
  await d.start();
  await d.must("import", await busyboxTar(), "busybox:latest");
  expect(JSON.parse(await d.must("network", "inspect", "-f", "{{json .IPAM.Config}}", "bridge"))).toEqual([
    { Subnet: `${net}.0/25`, Gateway: `${net}.5` },
    { Subnet: `fd00:dd:8:${d.slot}::/64`, Gateway: `fd00:dd:8:${d.slot}::5` },
  ]);
  await d.must("run", "-d", "--name", "web", "-p", `${d.port(1)}:80`, "busybox", "sh", "-c", web);
  const routes = await d.must("exec", "web", "sh", "-c", "ip route; ip -6 route");
  expect(routes).toContain(`default via ${net}.5 dev eth0`);
  expect(routes).toContain(`default via fd00:dd:8:${d.slot}::5 dev eth0`);
  await until("the page", async () => (await ask(null, `http://127.0.0.1:${d.port(1)}/`)) === 200);
  expect(await addresses()).toEqual(before);
  await d.restart();
  await until("the page", async () => (await ask(null, `http://127.0.0.1:${d.port(1)}/`)) === 200);
  await d.must("rm", "-f", "web");
  await d.stopAll();
  expect(await addresses()).toEqual(before);
}, 60_000);

test("--bridge names what is there and is a bridge, and no --bip beside it", async () => {
  const flags: string[] = [];
  await using d = TestDaemon.reserve({ flags });
  const refusal = async (...more: string[]) => {
    flags.splice(0, flags.length, ...more);
    return d.start().then(
      () => "",
      (error: unknown) => `${error}`,
    );
  };
  const none = await freshName(`db${d.slot}`);
  expect(await refusal("--bip=", `--bridge=${none}`)).toContain(
    `error creating default "bridge" network: bridge device with non default name ${none} must be created manually`,
  );
  expect(await refusal("--bip=", "--bridge=lo")).toContain("existing interface lo is not a bridge");
  expect(await refusal(`--bridge=${none}`)).toContain("You specified -b & --bip, mutually exclusive options");
  flags.splice(0, flags.length);
  await d.start();
}, 60_000);

test("--bridge=none: containers that name no network have only lo, others theirs", async () => {
  await using d = await TestDaemon.start({ flags: ["--bip=", "--bridge=none"] });
  await d.must("import", await busyboxTar(), "busybox:latest");
  expect((await d.must("network", "ls", "--format", "{{.Name}}")).trim().split("\n").sort()).toEqual(["host", "none"]);
  const links = async (...args: string[]) =>
    (await d.must("run", "--rm", ...args, "busybox", "ls", "/sys/class/net")).trim().split("\n");
  expect(await links()).toEqual(["lo"]);
  expect(await links("--network", "bridge")).toEqual(["lo"]);
  expect((await run(["ip", "link", "show", "none"])).code).not.toBe(0);
  await d.must("network", "create", "own");
  expect(await links("--network", "own")).toEqual(["eth0", "lo"]);
  await d.must("run", "-d", "--name", "later", "-p", `${d.port(1)}:80`, "busybox", "sh", "-c", web);
  await d.must("network", "connect", "own", "later");
  await until("the page", async () => (await ask(null, `http://127.0.0.1:${d.port(1)}/`)) === 200);
  await d.must("rm", "-f", "later");
}, 60_000);
