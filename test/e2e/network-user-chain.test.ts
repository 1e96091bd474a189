/** `--user-chain`: rules of one's own that come before the engine's, and that nothing of the engine's takes away. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { instanceName } from "../../src/daemon/config.ts";
import { run, succeed, until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { Outside } from "./network-outside.ts";

const web = ["sh", "-c", "mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www"];

test("what the user's chain drops does not reach a published port, over a restart, a new netd and a flush", async () => {
  await using daemon = await TestDaemon.start({ flags: ["--user-chain"] });
  await daemon.must("import", await busyboxTar(), "busybox:latest");
  await using outside = await Outside.of(daemon);
  const table = ["inet", `${instanceName(daemon.execRoot)}-user`] as const;
  const list = async () => (await run(["nft", "list", "table", ...table])).stdout;
  await using given = new AsyncDisposableStack();
  given.defer(async () => void (await run(["nft", "delete", "table", ...table])));

  await until("the chain", async () => (await list()).includes("chain forward"));
  expect(await list()).toContain("type filter hook forward priority filter - 10; policy accept;");
  const port = daemon.port(20);
  await daemon.must("run", "-d", "--name", "web", "-p", `${port}:80`, "busybox", ...web);
  const answer = () => outside.ask(`http://${outside.hostAddress}:${port}/`);
  await until("the page", async () => (await answer()) === 200);
  const close = () =>
    succeed([
      "nft",
      "add",
      "rule",
      ...table,
      "forward",
      "meta",
      "l4proto",
      "tcp",
      "ct",
      "original",
      "proto-dst",
      `${port}`,
      "drop",
    ]);
  await close();
  expect(await answer()).toBe(0);
  await daemon.restart();
  expect(await answer()).toBe(0);
  const [pid = 0] = netds(daemon);
  process.kill(pid, "SIGKILL");
  await until("another netd", () => netds(daemon).some((one) => one !== pid));
  expect(await answer()).toBe(0);
  expect(await list()).toContain(`proto-dst ${port} drop`);

  // Their own flush takes their rules; the place for the next ones is back without a restart.
  await succeed(["nft", "delete", "table", ...table]);
  expect(await answer()).toBe(200);
  await until("the chain again", async () => (await list()).includes("chain forward"), 7000);
  await close();
  expect(await answer()).toBe(0);
  await daemon.stopAll();
  expect(await list()).toContain(`proto-dst ${port} drop`);
  // Nothing of an empty one is left.
  await succeed(["nft", "flush", "chain", ...table, "forward"]);
  await daemon.start();
  await daemon.stopAll();
  expect(await list()).toBe("");
}, 60_000);

test("without the option there is no such chain", async () => {
  await using daemon = await TestDaemon.start();
  await until(
    "the engine's table",
    async () => (await run(["nft", "list", "table", "inet", instanceName(daemon.execRoot)])).code === 0,
  );
  expect((await run(["nft", "list", "table", "inet", `${instanceName(daemon.execRoot)}-user`])).code).not.toBe(0);
});

function netds(daemon: TestDaemon): number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return line.includes("\0netd\0") && line.includes(daemon.execRoot);
      } catch {
        return false;
      }
    })
    .map(Number);
}
