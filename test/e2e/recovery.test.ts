/** The host may go down under the engine, and policies and stops keep their word through all of it. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { instanceName } from "../../src/daemon/config.ts";
import { run, slowness, until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { expectLedger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

async function daemonWithImage(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start();
  await daemon.docker("import", await busyboxTar(), "busybox");
  await daemon.dhow("run", "--rm", "busybox", "true");
  return daemon;
}

const inspect = async (d: TestDaemon, name: string, format: string) =>
  (await d.dhow("inspect", "--type", "container", "-f", format, name)).stdout.trim();

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0] !== "Z";
  } catch {
    return false;
  }
}

async function killAll(pids: Iterable<number>): Promise<void> {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  for (const pid of pids) await until(`the end of ${pid}`, () => !isAlive(pid));
}

/** The engine's own processes: the daemon's root is in their arguments. */
function ownProcesses(d: TestDaemon, word = ""): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
        return command.includes(d.root) && command.includes(word);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The engine's cgroups, innermost first. */
function cgroupsOf(d: TestDaemon): string[] {
  const instance = instanceName(d.execRoot);
  const below = (dir: string): string[] => [
    ...readdirSync(dir, { withFileTypes: true }).flatMap((each) =>
      each.isDirectory() ? below(join(dir, each.name)) : [],
    ),
    dir,
  ];
  return ["", ...readdirSync("/sys/fs/cgroup")]
    .map((controller) => join("/sys/fs/cgroup", controller, instance))
    .filter((path) => existsSync(path))
    .flatMap(below);
}

/** What a power cut leaves of the engine: its data root, and nothing else. */
async function reboot(d: TestDaemon): Promise<void> {
  await d.kill9();
  await killAll(ownProcesses(d));
  const cgroups = cgroupsOf(d);
  const members = new Set(
    cgroups.flatMap((dir) => readFileSync(join(dir, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number)),
  );
  for (const dir of cgroups.filter((path) => existsSync(join(path, "freezer.state")))) {
    writeFileSync(join(dir, "freezer.state"), "THAWED");
  }
  await killAll(members);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((target) => target.startsWith(d.root));
  for (const target of mounts.reverse()) await run(["umount", "-l", target]);
  rmSync(d.execRoot, { recursive: true });
  rmSync(d.socket, { force: true });
  await run(["ip", "link", "delete", d.bridge]);
  const tables = (await run(["nft", "list", "tables"])).stdout.split("\n");
  for (const table of tables.filter((line) => line.includes(instanceName(d.execRoot)))) {
    await run(["nft", "delete", ...table.split(" ")]);
  }
  for (const dir of cgroups) await until(`the end of ${dir}`, async () => (await run(["rmdir", dir])).code === 0);
}

test("hardening 166: after a reboot policies apply with the same names and volumes, and nothing is stale", async () => {
  await using d = await daemonWithImage();
  const clean = await settledLedger(d);
  const make = async (name: string, policy: string, ...more: string[]) => {
    const line = `echo ${name} >> /data/starts; exec httpd -f -p 80`;
    const flags = ["--name", name, "--restart", policy, "-v", `${name}-data:/data`, ...more];
    expect((await d.dhow("run", "-d", ...flags, "busybox", "sh", "-c", line)).stderr).toBe("");
  };
  await make("always", "always", "-p", "127.0.0.1::80");
  await make("unless", "unless-stopped");
  await make("failing", "on-failure:3");
  await make("plain", "no");
  await make("frozen", "no");
  await make("stopped", "unless-stopped");
  await d.dhow("run", "-d", "--rm", "--name", "passing", "-v", "/data", "busybox", "sleep", "600");
  await d.dhow("create", "--name", "fresh", "busybox", "true");
  await d.dhow("stop", "-t", "0", "stopped");
  await d.dhow("pause", "frozen");
  const ids = (await d.dhow("ps", "-a", "--no-trunc", "--filter", "volume=always-data", "-q")).stdout;
  await reboot(d);
  await d.start();
  const status = (name: string) => inspect(d, name, "{{.State.Status}}");
  for (const name of ["always", "unless", "failing"]) {
    await until(`${name} to run`, async () => (await status(name)) === "running");
    const starts = `${name}\n${name}\n`;
    await until("the second start", async () => (await d.dhow("exec", name, "cat", "/data/starts")).stdout === starts);
  }
  expect((await d.dhow("ps", "-a", "--no-trunc", "--filter", "volume=always-data", "-q")).stdout).toBe(ids);
  for (const name of ["plain", "frozen"]) {
    expect(await inspect(d, name, "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}")).toBe("exited 255 0");
  }
  expect(await status("stopped")).toBe("exited");
  expect(await status("fresh")).toBe("created");
  expect(await status("passing")).toBe("");
  const address = (await d.dhow("port", "always", "80")).stdout.trim();
  expect((await fetch(`http://${address}/`)).status).toBe(404);
  expect((await d.dhow("start", "plain", "frozen")).code).toBe(0);
  const all = (await d.dhow("ps", "-aq")).stdout.trim().split("\n");
  expect((await d.dhow("rm", "-f", ...all)).code).toBe(0);
  await d.dhow("volume", "prune", "-af");
  expect((await d.dhow("volume", "ls", "-q")).stdout).toBe("");
  await expectLedger(d, clean, { fds: false });
}, 120_000);

test("hardening 165: a record whose pid has become another's process is not believed, and that process is left alone", async () => {
  await using d = await daemonWithImage();
  const stranger = Bun.spawn(["sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
  try {
    for (const supervisorKnows of [true, false]) {
      const id = (await d.dhow("run", "-d", "--name", "victim", "busybox", "sleep", "600")).stdout.trim();
      const pid = Number(await inspect(d, "victim", "{{.State.Pid}}"));
      await d.kill9();
      await killAll(ownProcesses(d, "supervisor"));
      await killAll([pid]);
      const state = join(d.execRoot, "supervisor", id);
      const identity = join(state, "identity.json");
      if (supervisorKnows) {
        writeFileSync(identity, readFileSync(identity, "utf8").replace(`"pid":${pid}`, `"pid":${stranger.pid}`));
        expect(readFileSync(identity, "utf8")).toContain(String(stranger.pid));
      } else {
        rmSync(state, { recursive: true });
      }
      const { Database } = await import("bun:sqlite");
      const db = new Database(join(d.dataRoot, "dhow.db"));
      db.query("UPDATE containers SET document = json_set(document, '$.state.pid', ?) WHERE id = ?").run(
        stranger.pid,
        id,
      );
      db.close();
      await d.start();
      await until("the end", async () => (await inspect(d, "victim", "{{.State.Status}}")) === "exited");
      expect(await inspect(d, "victim", "{{.State.ExitCode}} {{.State.Pid}}")).toBe("255 0");
      expect((await d.dhow("kill", "victim")).code).toBe(1);
      expect((await d.dhow("start", "victim")).stderr).toBe("");
      expect((await d.dhow("rm", "-f", "victim")).code).toBe(0);
      expect(stranger.exitCode).toBeNull();
    }
  } finally {
    stranger.kill("SIGKILL");
    await stranger.exited;
  }
}, 60_000);

test("hardening 174: a signal leaves containers running, and a second one cuts a slow way out short", async () => {
  await using d = await daemonWithImage();
  await d.dhow("run", "-d", "--name", "box", "busybox", "sleep", "600");
  const pid = await inspect(d, "box", "{{.State.Pid}}");
  expect(await d.terminate()).toBe(0);
  expect(isAlive(Number(pid))).toBe(true);
  const supervisors = ownProcesses(d, "supervisor");
  expect(supervisors).toHaveLength(1);
  // A supervisor that does not answer keeps the daemon in its start, where the first signal has to wait.
  for (const each of supervisors) process.kill(each, "SIGSTOP");
  const starting = d.start().then(
    () => "started",
    (error: Error) => error.message,
  );
  await Bun.sleep(1000 * slowness);
  process.kill(d.pid, "SIGINT");
  await Bun.sleep(300 * slowness);
  expect(isAlive(d.pid)).toBe(true);
  const from = performance.now();
  process.kill(d.pid, "SIGINT");
  expect(await starting).toContain("daemon exited with 130");
  expect(performance.now() - from).toBeLessThan(1000 * slowness);
  for (const each of supervisors) process.kill(each, "SIGCONT");
  await d.start();
  expect(await inspect(d, "box", "{{.State.Status}} {{.State.Pid}}")).toBe(`running ${pid}`);
  await d.dhow("rm", "-f", "box");
}, 60_000);

describe("hardening 179: restart policies", () => {
  const daemon = withDaemon();
  const loop = (name: string, policy: string, volume = `${name}:/data`) =>
    daemon().dhow(
      ...["run", "-d", "--name", name, "--restart", policy, "-v", volume, "busybox"],
      ...["sh", "-c", "echo run >> /data/runs; exit 1"],
    );
  const runs = async (name: string) => {
    const { stdout } = await daemon().dhow("run", "--rm", "-v", `${name}:/data`, "busybox", "cat", "/data/runs");
    return stdout.split("\n").length - 1;
  };

  test("the wait doubles from 100 ms on", async () => {
    const since = (Date.now() / 1000).toFixed(3);
    await loop("crashing", "always");
    const count = async () => Number(await inspect(daemon(), "crashing", "{{.RestartCount}}"));
    await until("five restarts", async () => (await count()) >= 5);
    await daemon().dhow("stop", "crashing");
    const format = "{{.TimeNano}} {{.Action}}";
    const end = (Date.now() / 1000).toFixed(3);
    const filters = ["--filter", "container=crashing", "--filter", "event=die", "--filter", "event=start"];
    const { stdout } = await daemon().docker(
      "events",
      "--since",
      since,
      "--until",
      end,
      ...filters,
      "--format",
      format,
    );
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" "));
    const waits = events.flatMap(([time = "0", action], i) => {
      const [before = "0", last] = events[i - 1] ?? [];
      return action === "start" && last === "die" ? [Number(BigInt(time) - BigInt(before)) / 1e6] : [];
    });
    expect(waits.length).toBeGreaterThanOrEqual(5);
    for (const [i, expected] of [100, 200, 400, 800, 1600].entries()) {
      expect(waits[i]).toBeGreaterThan(expected * 0.97);
      expect(waits[i]).toBeLessThan(expected + 500 * slowness);
    }
    await daemon().dhow("rm", "-f", "crashing");
    await daemon().dhow("volume", "rm", "crashing");
  }, 60_000);

  test("on-failure:N is exact, also through kill -9 of the daemon in the middle", async () => {
    const d = daemon();
    for (const [name, killed] of [
      ["exact", false],
      ["survivor", true],
    ] as const) {
      await loop(name, "on-failure:4");
      if (killed) {
        await until("two restarts", async () => Number(await inspect(d, name, "{{.RestartCount}}")) >= 2);
        await d.kill9();
        await Bun.sleep(300);
        await d.start();
      }
      await until("the last end", async () => (await inspect(d, name, "{{.State.Status}}")) === "exited");
      expect(await inspect(d, name, "{{.RestartCount}} {{.State.ExitCode}}")).toBe("4 1");
      await Bun.sleep(300);
      expect(await runs(name)).toBe(5);
      await d.restart();
      await Bun.sleep(300);
      expect(await inspect(d, name, "{{.State.Status}} {{.RestartCount}}")).toBe("exited 4");
      expect(await runs(name)).toBe(5);
      await d.dhow("rm", "-f", name);
      await d.dhow("volume", "rm", name);
    }
  }, 60_000);

  test("a user's stop wins over the timer, and a restart of the daemon does not undo it", async () => {
    const d = daemon();
    await loop("halted", "unless-stopped");
    await until("a longer wait", async () => Number(await inspect(d, "halted", "{{.RestartCount}}")) >= 3);
    await until("the wait", async () => (await inspect(d, "halted", "{{.State.Status}}")) === "restarting");
    expect((await d.dhow("stop", "halted")).code).toBe(0);
    expect(await inspect(d, "halted", "{{.State.Status}}")).toBe("exited");
    const before = await runs("halted");
    await Bun.sleep(1800);
    await d.restart();
    await Bun.sleep(300);
    expect(await inspect(d, "halted", "{{.State.Status}}")).toBe("exited");
    expect(await runs("halted")).toBe(before);
    await d.dhow("rm", "-f", "halted");
    await d.dhow("volume", "rm", "halted");
  }, 60_000);

  test("a crash loop goes on by itself after kill -9 of the daemon", async () => {
    const d = daemon();
    await loop("looping", "always");
    await until("a restart", async () => Number(await inspect(d, "looping", "{{.RestartCount}}")) >= 2);
    await d.kill9();
    await d.start();
    await until("more restarts", async () => Number(await inspect(d, "looping", "{{.RestartCount}}")) >= 5);
    expect((await d.dhow("stop", "-t", "0", "looping")).code).toBe(0);
    await d.dhow("rm", "-f", "looping");
    await d.dhow("volume", "rm", "looping");
  }, 60_000);
});

describe("hardening 180: stop", () => {
  const daemon = withDaemon();
  const traps =
    "trap 'exit 41' USR1; trap 'exit 42' TERM; trap 'exit 43' INT; touch /up; while :; do usleep 20000; done";
  const start = async (flags: readonly string[], image = "busybox", line = traps) => {
    const d = daemon();
    expect((await d.dhow("run", "-d", "--name", "box", ...flags, image, "sh", "-c", line)).stderr).toBe("");
    await until("the traps", async () => (await d.dhow("exec", "box", "test", "-e", "/up")).code === 0);
  };
  /** Stops, and tells exit code and seconds. */
  const stop = async (...flags: string[]) => {
    const from = performance.now();
    expect((await daemon().dhow("stop", ...flags, "box")).code).toBe(0);
    const seconds = (performance.now() - from) / 1000;
    const code = Number(await inspect(daemon(), "box", "{{.State.ExitCode}}"));
    await daemon().dhow("rm", "-f", "box");
    return { code, seconds };
  };

  test("the signal is the image's, the container's, or the call's, the nearest first", async () => {
    const d = daemon();
    await d.dhow("create", "--name", "base", "busybox", "true");
    expect((await d.dhow("commit", "--change", "STOPSIGNAL SIGUSR1", "base", "usr1")).code).toBe(0);
    await d.dhow("rm", "base");
    await start([]);
    expect((await stop()).code).toBe(42);
    await start([], "usr1");
    expect((await stop()).code).toBe(41);
    await start(["--stop-signal", "INT"], "usr1");
    expect((await stop()).code).toBe(43);
    await start(["--stop-signal", "INT"], "usr1");
    expect((await stop("--signal", "TERM")).code).toBe(42);
    await d.dhow("rmi", "usr1");
  }, 60_000);

  test("what does not heed the signal is killed after its grace: the call's, the container's, or ten seconds", async () => {
    const deaf = "trap '' TERM; touch /up; while :; do usleep 20000; done";
    for (const [run, call, grace] of [
      [[], ["-t", "0"], 0],
      [[], ["-t", "1"], 1],
      [["--stop-timeout", "2"], [], 2],
      [[], [], 10],
    ] as const) {
      await start(run, "busybox", deaf);
      const { code, seconds } = await stop(...call);
      expect(code).toBe(137);
      expect(seconds).toBeGreaterThanOrEqual(grace);
      expect(seconds).toBeLessThan(grace + 2 * slowness);
    }
  }, 90_000);
});

test("hardening 161: a state database that is damaged is set aside, said in info, and takes no container or layer with it", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.docker("import", await busyboxTar(), "busybox");
  const id = (await daemon.dhow("run", "-d", "busybox", "sleep", "300")).stdout.trim();
  const pid = Number((await daemon.dhow("inspect", "-f", "{{.State.Pid}}", id)).stdout);
  await daemon.terminate();
  const path = `${daemon.dataRoot}/dhow.db`;
  const whole = readFileSync(path);
  writeFileSync(path, Buffer.concat([Buffer.alloc(100, 0xff), whole.subarray(100)]));
  await daemon.start();
  expect((await daemon.dhow("ps", "-aq")).stdout).toBe("");
  expect((await daemon.dhow("info", "-f", "{{json .Warnings}}")).stdout).toContain("dhow.db.corrupt-");
  await daemon.restart();
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  // Whoever brings the old state back has everything again.
  await daemon.terminate();
  for (const name of readdirSync(daemon.dataRoot)) if (name.includes(".corrupt-")) rmSync(`${daemon.dataRoot}/${name}`);
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
  writeFileSync(path, whole);
  await daemon.start();
  expect((await daemon.dhow("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", id)).stdout).toBe(`running ${pid}\n`);
  expect((await daemon.dhow("run", "--rm", "busybox", "echo", "works")).stdout).toBe("works\n");
  await daemon.dhow("rm", "-f", id);
});
