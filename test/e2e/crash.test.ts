/** The daemon may die at any moment: no container, no exit code and no log line is lost, and nothing is left behind. */
import { describe, expect, test } from "bun:test";
import { until } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";
import { expectLedger, settledLedger } from "../harness/ledger.ts";
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

  test("running containers go on: same pid, no log line lost or doubled", async () => {
    const d = daemon();
    await d.dhow(
      "run",
      "-d",
      "--name",
      "count",
      "busybox",
      "sh",
      "-c",
      "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; usleep 50000; done",
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

  test("an exit while the daemon is away is known when it is back, with its code and time", async () => {
    const d = daemon();
    await d.dhow("run", "-d", "--name", "gone", "busybox", "sh", "-c", "sleep 0.3; exit 23");
    await d.kill9();
    await Bun.sleep(700);
    await d.start();
    expect((await d.dhow("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "gone")).stdout).toBe("exited 23\n");
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
        return await (await fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000) })).text();
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

test("a corrupt record spoils one container, never the start", async () => {
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

/** Fail points of the durable steps; the list is the one the code declares. */
const killPoints = [
  ["containers.create.recorded", ["create", "--name", "victim", "busybox", "true"]],
  ["containers.start.intent", ["run", "-d", "--name", "victim", "busybox", "sleep", "60"]],
  ["containers.start.network", ["run", "-d", "--name", "victim", "busybox", "sleep", "60"]],
  ["containers.start.mounted", ["run", "-d", "--name", "victim", "busybox", "sleep", "60"]],
  ["containers.start.process", ["run", "-d", "--name", "victim", "busybox", "sleep", "60"]],
] as const;

test.each([...killPoints])(
  "kill -9 at %s leaves each object old or new and the ledger clean",
  async (point, command) => {
    await using daemon = await TestDaemon.start({ failPoints: "none=error" });
    await daemon.docker("import", await busyboxTar(), "busybox");
    await daemon.dhow("run", "--rm", "busybox", "true");
    const before = await settledLedger(daemon);
    await daemon.restart({ DHOW_FAIL_POINTS: `${point}=kill` });
    await daemon.dhow(...command);
    await daemon.died();
    await daemon.start({ DHOW_FAIL_POINTS: "none=error" });
    const status = (await daemon.dhow("inspect", "-f", "{{.State.Status}}", "victim")).stdout.trim();
    expect(["", "created", "exited", "running"]).toContain(status);
    if (status !== "") expect((await daemon.dhow("rm", "-f", "victim")).code).toBe(0);
    await expectLedger(daemon, before, { fds: false });
  },
);
