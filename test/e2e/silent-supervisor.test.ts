/** An engine whose supervisor is stopped (SIGSTOP): it can be neither started nor ended, says so in time, and can be when that goes on. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { run } from "../harness/command.ts";
import { supervisorPid } from "../harness/crash.ts";
import { dhowBinary } from "../harness/daemon.ts";
import { expectLedger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const dhow = (...args: string[]) => daemon().dhow(...args);
const silent = "the supervisor has not answered for 10 s";
/** Longer than the bound, by what a busy host may take; a call that waits for ever fails by it. */
const patienceMs = 25_000;
const state = async () => (await dhow("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "box")).stdout.trim();
const address = async () =>
  (await dhow("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "box")).stdout.trim();
const endAll = () => run([dhowBinary, "daemon", "stop", "--all", ...daemon().flags], { timeoutMs: patienceMs });

let supervisor: number;
let running: string;
beforeEach(async () => {
  await dhow("run", "-d", "--name", "box", "--stop-timeout", "0", "busybox", "sleep", "600");
  running = await state();
  expect(running).toMatch(/^running \d+$/);
  supervisor = supervisorPid(daemon());
});
afterEach(async () => {
  process.kill(supervisor, "SIGCONT");
  if ((await dhow("version")).code !== 0) await daemon().start();
  await dhow("rm", "-f", "box");
});

test("a daemon does not start, tells why, and starts once the supervisor goes on", async () => {
  const before = await settledLedger(daemon());
  await daemon().terminate();
  process.kill(supervisor, "SIGSTOP");
  const started = run([dhowBinary, "daemon", ...daemon().flags], { timeoutMs: patienceMs });
  const { code, stderr } = await started;
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining(`failed to start daemon: ${silent}: what runs is not known before it does`),
  ]);
  process.kill(supervisor, "SIGCONT");
  await daemon().start();
  expect(await state()).toBe(running);
  expect(supervisorPid(daemon())).toBe(supervisor);
  expect((await dhow("exec", "box", "echo", "ok")).stdout).toBe("ok\n");
  await expectLedger(daemon(), before, { fds: false });
}, 90_000);

test("stop --all fails and leaves the engine whole, and what it asked for does not come later", async () => {
  const pid = daemon().pid;
  process.kill(supervisor, "SIGSTOP");
  expect(await endAll()).toMatchObject({ code: 1, stderr: expect.stringContaining(silent) });
  expect(await state()).toBe(running);
  process.kill(supervisor, "SIGCONT");
  // The supervisor has by then answered whatever lay in its socket.
  expect((await dhow("exec", "box", "echo", "ok")).stdout).toBe("ok\n");
  expect((await dhow("run", "--rm", "busybox", "ping", "-c1", "-W5", await address())).code).toBe(0);
  expect(await state()).toBe(running);
  expect(daemon().pid).toBe(pid);
  expect(await endAll()).toMatchObject({ code: 0, stderr: "" });
  await daemon().start();
  expect(await state()).toBe("exited 0");
}, 90_000);

test("stop --all without a daemon fails too, and works once the supervisor goes on", async () => {
  await daemon().kill9();
  process.kill(supervisor, "SIGSTOP");
  expect(await endAll()).toMatchObject({ code: 1, stderr: expect.stringContaining(silent) });
  process.kill(supervisor, "SIGCONT");
  expect(await endAll()).toMatchObject({ code: 0 });
  await daemon().start();
  expect(await state()).toBe("exited 0");
}, 90_000);

test("a kill that failed does not come later", async () => {
  process.kill(supervisor, "SIGSTOP");
  expect(await dhow("kill", "box")).toMatchObject({ code: 1, stderr: expect.stringContaining(silent) });
  process.kill(supervisor, "SIGCONT");
  expect((await dhow("exec", "box", "echo", "ok")).stdout).toBe("ok\n");
  expect(await state()).toBe(running);
}, 60_000);
