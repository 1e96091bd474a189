/** Two processes of the role at once. Needs root; no firewall, no bridge, and the host's forwarding stays as it is. */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../../lib/self.ts";
import { tryLock } from "../../linux/flock.ts";
import { NetdClient } from "../netd-client.ts";

test("a netd does not take the socket's name while another holds the lock, and serves when it has it", async () => {
  const execRoot = mkdtempSync(join(tmpdir(), "dhow-netd-main-"));
  const socket = join(execRoot, "netd.sock");
  const instance = `dnl${process.pid % 100000}`;
  const [program = "", ...args] = selfCommand("netd", "--exec-root", execRoot, "--instance", instance);
  let starting = tryLock(join(execRoot, "netd.lock"));
  const child = spawn(program, [...args, "--no-firewall", "--no-firewall6", "--no-ip-forward"], { stdio: "ignore" });
  const client = new NetdClient({
    execRoot,
    socket,
    instance,
    firewall: { ipv4: false, ipv6: false },
    ipForward: false,
    proxies: true,
  });
  try {
    await Bun.sleep(500);
    expect(existsSync(socket)).toBe(false);
    starting?.[Symbol.dispose]();
    starting = null;
    const deadline = performance.now() + 20_000;
    while (!(await client.running()) && performance.now() < deadline) await Bun.sleep(10);
    expect((await client.call("hello", {})).pid).toBe(child.pid ?? 0);
    await client.shutdown();
  } finally {
    starting?.[Symbol.dispose]();
    await client[Symbol.asyncDispose]();
    child.kill("SIGKILL");
    rmSync(execRoot, { recursive: true, force: true });
  }
}, 40_000);

test("of several netd that start at once on one exec root one serves, and the others end", async () => {
  const execRoot = mkdtempSync(join(tmpdir(), "dhow-netd-main-"));
  const instance = `dnm${process.pid % 100000}`;
  const flags = ["--exec-root", execRoot, "--instance", instance, "--no-firewall", "--no-ip-forward"];
  const [program = "", ...args] = selfCommand("netd", ...flags);
  const children = Array.from({ length: 4 }, () => spawn(program, args, { stdio: "ignore" }));
  const codes = new Map<number, number | null>();
  const ends = children.map(
    (child) =>
      new Promise<void>((done) => {
        child.once("exit", (code) => {
          codes.set(child.pid ?? 0, code);
          done();
        });
      }),
  );
  const options = {
    execRoot,
    socket: join(execRoot, "netd.sock"),
    instance,
    firewall: { ipv4: false, ipv6: false },
    ipForward: false,
    proxies: true,
  };
  const client = new NetdClient(options);
  try {
    const deadline = performance.now() + 20_000;
    while (codes.size < 3 && performance.now() < deadline) await Bun.sleep(20);
    expect([...codes.values()]).toEqual([0, 0, 0]);
    const serving = children.filter(({ pid }) => !codes.has(pid ?? 0)).map(({ pid }) => pid);
    expect([(await client.call("hello", {})).pid]).toEqual(serving as number[]);
    await client.shutdown();
    await Promise.all(ends);
  } finally {
    await client[Symbol.asyncDispose]();
    for (const child of children) child.kill("SIGKILL");
    rmSync(execRoot, { recursive: true, force: true });
  }
}, 40_000);
