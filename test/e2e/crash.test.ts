/** The daemon may die at any moment: no container, no exit code and no log line is lost, and nothing is left behind. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { slowness, until } from "../harness/command.ts";
import { supervisorPid } from "../harness/crash.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { takeLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

/** `docker attach`, killed at the end: SIGTERM it would hand on to the container. */
function attachClient(socket: string, id: string) {
  const child = Bun.spawn(["docker", "-H", `unix://${socket}`, "attach", id], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  return {
    stdin: { write: (text: string) => void [child.stdin.write(text), child.stdin.flush()] },
    firstOutput: async () => new TextDecoder().decode((await child.stdout.getReader().read()).value),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

describe("after kill -9 of the daemon", () => {
  const daemon = withDaemon();

  test("hardening 163: running containers go on: same pid, no log line lost or doubled", async () => {
    const d = daemon();
    await d.dhow(
      "run",
      "-d",
      "--name",
      "count",
      "busybox",
      "sh",
      "-c",
      `i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; usleep ${50_000 * slowness}; done`,
    );
    const pid = (await d.dhow("inspect", "-f", "{{.State.Pid}}", "count")).stdout;
    await d.kill9();
    await Bun.sleep(500);
    await d.start();
    expect((await d.dhow("inspect", "-f", "{{.State.Pid}}", "count")).stdout).toBe(pid);
    expect((await d.dhow("wait", "count")).stdout).toBe("0\n");
    const lines = (await d.dhow("logs", "count")).stdout.trim().split("\n");
    expect(lines).toEqual(Array.from({ length: 40 }, (_, i) => `line ${i + 1}`));
    await d.dhow("rm", "count");
  });

  test("hardening 164: an exit while the daemon is away is known when it is back, with its code and time", async () => {
    const d = daemon();
    await d.dhow("run", "-d", "--name", "gone", "busybox", "sh", "-c", "sleep 0.3; exit 23");
    await d.kill9();
    await Bun.sleep(700);
    const back = Date.now();
    await d.start();
    const format = "{{.State.Status}} {{.State.ExitCode}} {{json .State.StartedAt}} {{json .State.FinishedAt}}";
    const [status, code, ...times] = (await d.dhow("inspect", "-f", format, "gone")).stdout.trim().split(" ");
    expect([status, code]).toEqual(["exited", "23"]);
    const [started = 0, finished = 0] = times.map((time) => Date.parse(JSON.parse(time)));
    expect(finished).toBeGreaterThan(started);
    expect(finished).toBeLessThan(back);
    await d.dhow("rm", "gone");
  });

  test("--rm containers that ended meanwhile are removed", async () => {
    const d = daemon();
    const id = (await d.dhow("run", "-d", "--rm", "busybox", "sleep", "0.3")).stdout.trim();
    await d.kill9();
    await Bun.sleep(600);
    await d.start();
    await until("the removal", async () => (await d.dhow("inspect", id)).code === 1);
  });

  test("a published port answers while the daemon is away", async () => {
    const d = daemon();
    await d.dhow(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      "127.0.0.1::80",
      "busybox",
      "sh",
      "-c",
      "mkdir /w; echo up > /w/index.html; exec httpd -f -p 80 -h /w",
    );
    const address = (await d.dhow("port", "web", "80")).stdout.trim();
    const get = async () => {
      try {
        return await (await fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000 * slowness) })).text();
      } catch {
        return "";
      }
    };
    await until("the page", async () => (await get()) === "up\n");
    await d.kill9();
    expect(await get()).toBe("up\n");
    await d.start();
    expect(await get()).toBe("up\n");
    await d.dhow("rm", "-f", "web");
    await until("the port to close", async () => (await get()) === "");
  });

  test("stdin and terminals are taken back", async () => {
    const d = daemon();
    const id = (await d.dhow("run", "-d", "-i", "--name", "cat", "busybox", "cat")).stdout.trim();
    await d.kill9();
    await d.start();
    // As with Docker, the end of a client's input ends neither `cat` (started detached) nor the client.
    await using attached = attachClient(d.socket, id);
    attached.stdin.write("still here\n");
    expect(await attached.firstOutput()).toBe("still here\n");
    await d.dhow("rm", "-f", "cat");
  });

  test("execs are known as before: pid, exit code, and their ends in the journal", async () => {
    const d = daemon();
    const containerId = (await d.dhow("run", "-d", "--name", "host", "busybox", "sleep", "600")).stdout.trim();
    const exec = async (...command: string[]) => {
      const made = await d.api<{ Id: string }>("POST", "/containers/host/exec", { Cmd: command });
      expect((await d.api("POST", `/exec/${made.body.Id}/start`, { Detach: true })).status).toBe(200);
      return made.body.Id;
    };
    const look = async (id: string) =>
      (await d.api<{ Running: boolean; ExitCode: number | null; Pid: number }>("GET", `/exec/${id}/json`)).body;
    const long = await exec("sh", "-c", "until test -e /tmp/go; do usleep 20000; done; exit 5");
    const gone = await exec("sh", "-c", `usleep ${200_000 * slowness}; exit 7`);
    const done = await exec("sh", "-c", "exit 3");
    await until("the first end", async () => (await look(done)).ExitCode === 3);
    const { Pid } = await look(long);
    await d.kill9();
    await Bun.sleep(400 * slowness);
    const since = (Date.now() / 1000).toFixed(3);
    await d.start();
    expect(await look(long)).toMatchObject({ ID: long, Running: true, ExitCode: null, Pid, ContainerID: containerId });
    expect(await look(gone)).toMatchObject({ Running: false, ExitCode: 7 });
    expect(await look(done)).toMatchObject({ Running: false, ExitCode: 3 });
    expect((await d.dhow("exec", "host", "touch", "/tmp/go")).code).toBe(0);
    await until("the end", async () => (await look(long)).ExitCode === 5);
    const format = "{{.Action}} {{.Actor.Attributes.execID}} {{.Actor.Attributes.exitCode}}";
    const end = (Date.now() / 1000 + 0.5).toFixed(3);
    const { stdout } = await d.dhow("events", "--since", since, "--until", end, "--format", format);
    const deaths = stdout.split("\n").filter((line) => line.startsWith("exec_die"));
    expect(deaths).toContain(`exec_die ${gone} 7`);
    expect(deaths).toContain(`exec_die ${long} 5`);
    expect(deaths.filter((line) => line.includes(done))).toEqual([]);
    await d.dhow("rm", "-f", "host");
  });

  test("an exec with a client ends as the client's input does", async () => {
    const d = daemon();
    await d.dhow("run", "-d", "--name", "host", "busybox", "sleep", "600");
    const client = Bun.spawn(["docker", "-H", `unix://${d.socket}`, "exec", "-i", "host", "sh", "-c", "echo up; cat"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const reader = client.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
    const { ExecIDs } = (await d.api<{ ExecIDs: string[] }>("GET", "/containers/host/json")).body;
    await d.kill9();
    expect((await reader.read()).done).toBe(true);
    client.kill("SIGKILL");
    await d.start();
    await until("the exec's end", async () => {
      const { body } = await d.api<{ Running: boolean; ExitCode: number }>("GET", `/exec/${ExecIDs[0]}/json`);
      return !body.Running && body.ExitCode === 0;
    });
    await d.dhow("rm", "-f", "host");
  });

  test("SIGTERM leaves containers running too", async () => {
    const d = daemon();
    const id = (await d.dhow("run", "-d", "busybox", "sleep", "60")).stdout.trim();
    await d.restart();
    expect((await d.dhow("inspect", "-f", "{{.State.Status}}", id)).stdout).toBe("running\n");
    await d.dhow("rm", "-f", id);
  });
});

test("a second daemon on the same data root refuses to start", async () => {
  await using daemon = await TestDaemon.start();
  const { run } = await import("../harness/command.ts");
  const { dhowBinary } = await import("../harness/daemon.ts");
  const flags = daemon.flags.map((flag) => flag.replace("dhow.sock", "second.sock").replace("dhow.pid", "second.pid"));
  const second = await run([dhowBinary, "daemon", ...flags], { timeoutMs: 10_000 });
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(daemon.dataRoot);
});

test("hardening 161: a corrupt record spoils one container, never the start", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.docker("import", await busyboxTar(), "busybox");
  await daemon.dhow("create", "--name", "good", "busybox", "true");
  const bad = (await daemon.dhow("create", "--name", "bad", "busybox", "true")).stdout.trim();
  await daemon.terminate();
  const { Database } = await import("bun:sqlite");
  const db = new Database(`${daemon.dataRoot}/dhow.db`);
  db.query("UPDATE containers SET document = substr(document, 1, 40) WHERE id = ?").run(bad);
  db.close();
  await daemon.start();
  expect((await daemon.dhow("start", "-a", "good")).code).toBe(0);
  const ps = await daemon.dhow("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}");
  expect(ps.stdout).toContain(`${bad} dead`);
  expect((await daemon.dhow("rm", "-f", bad)).code).toBe(0);
  expect((await daemon.dhow("ps", "-aq", "--no-trunc")).stdout).not.toContain(bad);
});

async function daemonWithImage(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start({ failPoints: "" });
  await daemon.docker("import", await busyboxTar(), "busybox");
  await daemon.dhow("run", "--rm", "busybox", "true");
  return daemon;
}

describe("the supervisor killed", () => {
  const daemon = withDaemon();

  test.each(["alone", "with the daemon"])(
    "hardening 164: %s: containers run on, and are stopped and removed as ever",
    async (how) => {
      const d = daemon();
      await d.dhow("run", "-d", "--name", "victim", "busybox", "sh", "-c", "while :; do echo tick; usleep 50000; done");
      const pid = (await d.dhow("inspect", "-f", "{{.State.Pid}}", "victim")).stdout;
      const old = supervisorPid(d);
      if (how !== "alone") await d.kill9();
      process.kill(old, "SIGKILL");
      if (how !== "alone") await d.start();
      await until("another supervisor", async () => {
        try {
          return supervisorPid(d) !== old;
        } catch {
          return false;
        }
      });
      expect((await d.dhow("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "victim")).stdout).toBe(
        `running ${pid}`,
      );
      expect((await d.dhow("exec", "victim", "echo", "ok")).stdout).toBe("ok\n");
      const lines = (await d.dhow("logs", "victim")).stdout.length;
      await until("more log lines", async () => (await d.dhow("logs", "victim")).stdout.length > lines);
      expect((await d.dhow("stop", "-t", "0", "victim")).code).toBe(0);
      expect((await d.dhow("inspect", "-f", "{{.State.Status}}", "victim")).stdout).toBe("exited\n");
      expect((await d.dhow("rm", "victim")).code).toBe(0);
    },
  );
});

test("hardening 163: ports answer without one failure through kill -9 and restart of the daemon", async () => {
  await using daemon = await daemonWithImage();
  const page = "mkdir /w; echo up > /w/index.html; exec httpd -f -p 80 -h /w";
  await daemon.dhow("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "busybox", "sh", "-c", page);
  const url = `http://${(await daemon.dhow("port", "web", "80")).stdout.trim()}/`;
  const get = () => fetch(url, { keepalive: false, signal: AbortSignal.timeout(3000) }).then((answer) => answer.text());
  await until("the page", () => get().catch(() => ""));
  const answers: Promise<string>[] = [];
  const timer = setInterval(() => void answers.push(get().catch(String)), 10);
  await Bun.sleep(300);
  await daemon.kill9();
  await Bun.sleep(200);
  await daemon.start();
  await daemon.restart();
  await Bun.sleep(300);
  clearInterval(timer);
  expect(new Set(await Promise.all(answers))).toEqual(new Set(["up\n"]));
  expect(answers.length).toBeGreaterThan(80);
  await daemon.dhow("rm", "-f", "web");
});

test("hardening 182: two hundred short containers, and orphans in them, leave no zombie", async () => {
  await using daemon = await daemonWithImage();
  const one = () => daemon.dhow("run", "--rm", "busybox", "sh", "-c", "(sleep 0.01 &) ; true");
  for (let round = 0; round < 25; round++) await Promise.all(Array.from({ length: 8 }, one));
  const parents = new Set([daemon.pid, supervisorPid(daemon)]);
  const zombies = () =>
    readdirSync("/proc").filter((name) => {
      try {
        const fields = readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
        return /^\d+$/.test(name) && fields[0] === "Z" && parents.has(Number(fields[1]));
      } catch {
        return false;
      }
    });
  await until("no zombies", () => zombies().length === 0);
});

test("stop --all gives back processes, mounts, namespaces and the exec root before it returns", async () => {
  await using daemon = await daemonWithImage();
  for (const name of ["one", "two"]) await daemon.dhow("run", "-d", "--init", "--name", name, "busybox", "sleep", "60");
  await daemon.stopAll();
  const ledger = await takeLedger(daemon);
  expect(ledger).toMatchObject({
    mounts: [],
    links: [],
    netns: [],
    cgroups: [],
    rules: [],
    bundles: [],
    processes: [],
  });
  rmSync(daemon.execRoot, { recursive: true });
});
