/** Hardening, rows 183, 217 and 220: what one client or container does at length must not be felt by the others. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, slowness, until } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

/** Milliseconds that a request waited for its answer, on a connection of its own. */
async function timed(path: string): Promise<number> {
  const from = performance.now();
  const answer = await fetch(`http://d${path}`, { unix: daemon().socket, keepalive: false });
  await answer.text();
  return performance.now() - from;
}

const p99 = (times: number[]): number => times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;

test("hardening 220: a ping is answered within 250 ms (p99) while the API is asked in bursts", async () => {
  const d = daemon();
  await d.must("run", "-d", "--name", "busy", "busybox", "sleep", "600");
  let going = true;
  const paths = [
    "/containers/json?all=1&size=1",
    "/containers/busy/json",
    "/images/json",
    "/networks",
    "/system/df",
    "/info",
  ];
  const burst = async (): Promise<void> => {
    for (let n = 0; going; n++) await timed(paths[n % paths.length] ?? "/_ping");
  };
  const bursts = Array.from({ length: 8 }, burst);
  const churn = (async () => {
    while (going) await d.must("run", "--rm", "busybox", "true");
  })();
  const times: number[] = [];
  for (let n = 0; n < 200; n++) {
    times.push(await timed("/_ping"));
    await Bun.sleep(10);
  }
  going = false;
  await Promise.all([...bursts, churn]);
  expect(p99(times)).toBeLessThan(250 * slowness);
  await d.must("rm", "-f", "busy");
}, 60_000);

test("hardening 183: a container that logs without pause does not delay ps, logs or another container", async () => {
  const d = daemon();
  const flags = ["--log-opt", "max-size=5m", "--log-opt", "max-file=2"];
  await d.must("run", "-d", "--name", "loud", ...flags, "busybox", "sh", "-c", `yes ${"x".repeat(200)}`);
  await d.must("run", "-d", "--name", "quiet", "busybox", "sh", "-c", "while :; do echo tick; usleep 50000; done");
  await until("a line of the quiet one", async () => (await d.must("logs", "quiet")) !== "");
  const times: number[] = [];
  for (let n = 0; n < 100; n++) times.push(await timed("/containers/json?all=1"));
  expect(p99(times)).toBeLessThan(500 * slowness);
  const from = performance.now();
  expect(await d.must("run", "--rm", "busybox", "echo", "ok")).toBe("ok\n");
  expect(performance.now() - from).toBeLessThan(5000 * slowness);
  expect(await d.must("logs", "--tail", "1", "quiet")).toBe("tick\n");
  await d.must("rm", "-f", "loud", "quiet");
}, 60_000);

test("hardening 217: a file name that is no UTF-8 goes through run, diff, cp, commit, save and load byte for byte", async () => {
  const d = daemon();
  const dir = mkdtempSync(join(tmpdir(), "dhow-bytes-"));
  const shell = (line: string) => run(["bash", "-c", line], { env: { DOCKER_HOST: `unix://${d.socket}` } });
  const name = "a\\377b\\200";
  const list = "printf %s /odd/* | busybox od -An -tx1";
  await d.must(
    "run",
    "--name",
    "odd",
    "busybox",
    "sh",
    "-c",
    `mkdir /odd; printf said > "$(printf '/odd/${name}')"; ${list}`,
  );
  const bytes = (await d.must("logs", "odd")).trim();
  expect(bytes).toContain("61 ff 62 80");
  expect((await d.must("diff", "odd")).split("\n").filter((line) => line.startsWith("A /odd/"))).toHaveLength(1);
  // A client's own arguments are text, so that the folder is copied and not the file by its name.
  for (const copy of ["docker export odd", "docker cp odd:/odd -"]) {
    const names = await shell(`${copy} | tar -tf - --quoting-style=escape | grep -a 377`);
    expect([copy, names.stdout.trim().split("/").at(-1)]).toEqual([copy, "a\\377b\\200"]);
  }
  await d.must("commit", "odd", "odd:1");
  expect((await d.must("run", "--rm", "odd:1", "sh", "-c", list)).trim()).toBe(bytes);
  await d.must("save", "-o", join(dir, "odd.tar"), "odd:1");
  await d.must("rmi", "odd:1");
  await d.must("load", "-i", join(dir, "odd.tar"));
  expect((await d.must("run", "--rm", "odd:1", "sh", "-c", `${list}; cat "$(printf '/odd/${name}')"`)).trim()).toBe(
    `${bytes}\nsaid`,
  );
  await d.must("rm", "odd");
  await d.must("rmi", "odd:1");
  rmSync(dir, { recursive: true });
}, 60_000);
