/** A daemon or a netd that dies in the middle of network work: the next one finds everything in order. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { instanceName } from "../../src/daemon/config.ts";
import { run, succeed, until } from "../harness/command.ts";
import { inRounds } from "../harness/crash.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { expectLedger, settledLedger } from "../harness/ledger.ts";
import { ask } from "./network-outside.ts";

/** Fail point -> the verb during which it is passed. */
const points = {
  "networks.create.recorded": "create",
  "networks.create.made": "create",
  "networks.remove.recorded": "remove",
  "networks.attach.planned": "start",
  "networks.attach.attached": "start",
  "networks.attach.recorded": "start",
  "networks.detach.detached": "stop",
  "networks.connect.connected": "connect",
  "networks.connect.published": "connect",
  "networks.disconnect.published": "disconnect",
  "networks.disconnect.disconnected": "disconnect",
} as const;

/** Bridges that this engine made: others run on the machine. */
async function bridges(daemon: TestDaemon): Promise<string[]> {
  const links = JSON.parse(await succeed(["ip", "-json", "link"])) as { ifname: string; ifalias?: string }[];
  const mark = `dhow ${instanceName(daemon.execRoot)}`;
  return links
    .filter(({ ifname, ifalias }) => ifalias === mark && ifname.startsWith("br-"))
    .map(({ ifname }) => ifname);
}

async function make(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start({ failPoints: "", flags: ["--ipv6"] });
  await daemon.must("import", await busyboxTar(), "busybox:latest");
  await daemon.must("run", "--rm", "busybox", "true");
  return daemon;
}

describe("hardening 157, 167: a daemon killed at", () => {
  test.each(inRounds(Object.entries(points).map((each) => [`${each[0]} (${each[1]})`, each] as const)))(
    "%s leaves no link, namespace, rule or address behind",
    async (_title, [point, verb]) => {
      await using daemon = await make();
      const before = await settledLedger(daemon);
      const links = await bridges(daemon);
      const container = [
        "run",
        "-d",
        "--name",
        "box",
        "-p",
        `127.0.0.1:${daemon.port(62)}:80`,
        "-p",
        "[::]::80",
        "busybox",
        ...["sh", "-c", "mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www"],
      ];
      const prepare = { remove: 1, connect: 2, disconnect: 3, stop: 2, create: 0, start: 0 }[verb];
      if (prepare >= 1) await daemon.must("network", "create", "--ipv6", "aside");
      if (prepare >= 2) await daemon.must(...container);
      if (prepare >= 3) await daemon.must("network", "connect", "aside", "box");
      await daemon.restart({ DHOW_FAIL_POINTS: `${point}=kill` });
      const failing = {
        create: ["network", "create", "--ipv6", "aside"],
        remove: ["network", "rm", "aside"],
        start: container,
        stop: ["rm", "-f", "box"],
        connect: ["network", "connect", "aside", "box"],
        disconnect: ["network", "disconnect", "aside", "box"],
      }[verb];
      expect((await daemon.dhow(...failing)).code).not.toBe(0);
      await daemon.died();
      await daemon.start();
      // The port leads to an endpoint that is there.
      const served = () => ask(null, `http://127.0.0.1:${daemon.port(62)}/`);
      if (verb === "connect" || verb === "disconnect") expect(await served()).toBe(200);
      // The same verb works now, or has been done.
      if (verb === "connect") {
        // The undone connection had taken the default route over.
        for (const family of ["-4", "-6"]) {
          expect((await daemon.dhow("exec", "box", "ip", family, "route")).stdout).toContain("default via");
        }
        expect((await daemon.dhow(...failing)).stderr).toBe("");
        expect((await daemon.dhow("exec", "box", "ls", "/sys/class/net")).stdout).toContain("eth1");
        expect(await served()).toBe(200);
      }
      if (verb === "start") {
        await daemon.dhow("rm", "-f", "box");
        expect((await daemon.dhow(...container)).stderr).toBe("");
      }
      await daemon.dhow("rm", "-f", "box");
      await daemon.dhow("network", "rm", "aside");
      await expectLedger(daemon, before, { fds: false });
      await until("the bridges to be as before", async () => (await bridges(daemon)).length === links.length);
    },
    60_000,
  );
});

test("a netd that is killed is replaced: ports answer, names of bridges stay, nothing is left", async () => {
  await using daemon = await make();
  const before = await settledLedger(daemon);
  const web = "mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www";
  await daemon.must("network", "create", "extra");
  await daemon.must(
    ...["run", "-d", "--name", "web", "-p", `${daemon.port(60)}:80`, "--network", "extra", "busybox", "sh", "-c", web],
  );
  await until("the page", async () => (await ask(null, `http://127.0.0.1:${daemon.port(60)}/`)) === 200);
  for (let round = 0; round < 2; round++) {
    const [pid = 0] = readdirSync("/proc").filter(isNetdOf(daemon)).map(Number);
    process.kill(pid, "SIGKILL");
    await until("another netd", () =>
      readdirSync("/proc")
        .filter(isNetdOf(daemon))
        .some((one) => Number(one) !== pid),
    );
    await until("the page again", async () => (await ask(null, `http://127.0.0.1:${daemon.port(60)}/`)) === 200);
    for (let n = 0; n < 20; n++) expect(await ask(null, `http://127.0.0.1:${daemon.port(60)}/`)).toBe(200);
  }
  await daemon.must("rm", "-f", "web");
  await daemon.must("network", "rm", "extra");
  await expectLedger(daemon, before, { fds: false });
}, 60_000);

function isNetdOf(daemon: TestDaemon): (pid: string) => boolean {
  return (pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return /^\d+$/.test(pid) && line.includes("\0netd\0") && line.includes(daemon.execRoot);
    } catch {
      return false;
    }
  };
}

test("twenty restarts of the daemon leave the rules as they are", async () => {
  await using daemon = await make();
  await daemon.must("network", "create", "extra");
  await daemon.must(
    "run",
    "-d",
    "--name",
    "web",
    "-p",
    `${daemon.port(61)}:80`,
    "--network",
    "extra",
    "busybox",
    "sleep",
    "300",
  );
  const rules = async () => {
    // Other daemons' tables may go while this looks; nft's JSON writer aborts then.
    const tables = (await succeed(["nft", "list", "tables"])).match(/\bd[0-9a-f]{6}$/gm) ?? [];
    const dumps = tables.map(async (name) => (await run(["nft", "-s", "list", "table", "inet", name])).stdout);
    return (await Promise.all(dumps)).find((dump) => dump.includes(daemon.bridge));
  };
  const before = await rules();
  expect(before).toContain(`${daemon.port(61)}`);
  for (let round = 0; round < 20; round++) await daemon.restart();
  expect(await rules()).toBe(before);
  await daemon.must("rm", "-f", "web");
  await daemon.must("network", "rm", "extra");
}, 60_000);
