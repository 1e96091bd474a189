/** Hardening, row 157, for the supervisor: killed at each of its durable steps, with the daemon left alive. */
import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { inRounds, supervisorPid } from "../harness/crash.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon({ failPoints: "" });
let clean: Ledger;
beforeAll(async () => {
  clean = await settledLedger(daemon());
});

afterEach(async () => {
  daemon().arm("");
  await dhow("rm", "-f", "victim", "other");
});

const dhow = (...args: string[]) => daemon().dhow(...args);
const inspect = async (format: string) =>
  (await dhow("inspect", "--type", "container", "-f", format, "victim")).stdout.trim();

/** Runs `act` with the point armed, and waits until another supervisor serves. */
async function supervisorDiesAt(point: string, act: () => Promise<unknown>): Promise<void> {
  const old = supervisorPid(daemon());
  daemon().arm(`${point}=kill`);
  await act();
  await until("the fail point to be passed", () => !existsSync(join(daemon().root, "fail-points")));
  await until("another supervisor", () => {
    try {
      return supervisorPid(daemon()) !== old;
    } catch {
      return false;
    }
  });
  // The first to be asked may still be told of the one that died.
  await until("the engine to start containers", async () => (await dhow("run", "--rm", "busybox", "true")).code === 0);
}

describe("hardening 157: kill -9 of the supervisor at", () => {
  const starts = ["recorded", "launched", "written", "identified"].map((step) => `supervisor.start.${step}`);
  test.each(inRounds(starts.map((point) => [point, point] as const)))(
    "%s leaves the container started or not, and it can be used and removed",
    async (_title, point) => {
      await supervisorDiesAt(point, () => dhow("run", "-d", "--name", "victim", "busybox", "sleep", "600"));
      const state = await inspect("{{.State.Status}}");
      expect(["created", "exited", "running"]).toContain(state);
      if (state !== "running") expect((await dhow("start", "victim")).stderr).toBe("");
      expect((await dhow("exec", "victim", "echo", "ok")).stdout).toBe("ok\n");
      expect((await dhow("rm", "-f", "victim")).code).toBe(0);
      await expectLedger(daemon(), clean, { fds: false });
    },
  );

  const ends = [
    // Taken from the kernel and not written down: nobody else can ask for it again.
    ["supervisor.exit.collected", ["7", "255"]],
    ["supervisor.exit.recorded", ["7"]],
  ] as const;
  test.each(inRounds(ends.map((each) => [each[0], each] as const)))(
    "%s leaves the container ended, with its code or with that of an end that nobody saw",
    async (_title, [point, codes]) => {
      const line = "until test -e /go; do usleep 20000; done; exit 7";
      await dhow("run", "-d", "--name", "victim", "busybox", "sh", "-c", line);
      const files = join("/proc", await inspect("{{.State.Pid}}"), "root");
      await supervisorDiesAt(point, () => Bun.write(join(files, "go"), ""));
      await until("the end", async () => (await inspect("{{.State.Status}}")) === "exited");
      expect(codes as readonly string[]).toContain(await inspect("{{.State.ExitCode}}"));
      expect((await dhow("rm", "victim")).code).toBe(0);
      await expectLedger(daemon(), clean, { fds: false });
    },
  );

  test.each(inRounds([["supervisor.exits.compacted", "supervisor.exits.compacted"]]))(
    "%s, in the middle of taking over, leaves containers to the next one",
    async (_title, point) => {
      await dhow("run", "-d", "--name", "victim", "busybox", "sleep", "600");
      const pid = await inspect("{{.State.Pid}}");
      await supervisorDiesAt(point, async () => process.kill(supervisorPid(daemon()), "SIGKILL"));
      expect(await inspect("{{.State.Status}} {{.State.Pid}}")).toBe(`running ${pid}`);
      expect((await dhow("exec", "victim", "echo", "ok")).stdout).toBe("ok\n");
      expect((await dhow("rm", "-f", "victim")).code).toBe(0);
      await expectLedger(daemon(), clean, { fds: false });
    },
  );

  test.each(inRounds([["supervisor.forget.discarded", "supervisor.forget.discarded"]]))(
    "%s leaves nothing of what was to be forgotten",
    async (_title, point) => {
      await dhow("run", "-d", "--name", "victim", "busybox", "sleep", "600");
      await supervisorDiesAt(point, () => dhow("rm", "-f", "victim"));
      await dhow("rm", "-f", "victim");
      expect((await dhow("ps", "-aq")).stdout).toBe("");
      await expectLedger(daemon(), clean, { fds: false });
    },
  );

  test.each(inRounds(["log.rotate.closed", "log.rotate.renamed"].map((point) => [point, point] as const)))(
    "%s doubles no line, and loses none but those it held",
    async (_title, point) => {
      const line = "i=0; while [ $i -lt 150 ]; do i=$((i+1)); echo line $i; usleep 20000; done";
      const flags = ["--log-opt", "max-size=2k", "--log-opt", "max-file=20"];
      await supervisorDiesAt(point, () => dhow("run", "-d", "--name", "victim", ...flags, "busybox", "sh", "-c", line));
      await dhow("wait", "victim");
      const numbers = (await dhow("logs", "victim")).stdout
        .trim()
        .split("\n")
        .map((text) => Number(/^line (\d+)$/.exec(text)?.[1]));
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      expect(numbers.at(-1)).toBe(150);
      expect(numbers.length).toBeGreaterThanOrEqual(147);
      expect((await dhow("rm", "victim")).code).toBe(0);
      await expectLedger(daemon(), clean, { fds: false });
    },
  );
});

describe("a supervisor that is slow", () => {
  test("hardening 187: a process that ends before its start is known is started, then dead, with its code", async () => {
    daemon().arm("supervisor.start.launched=delay:400");
    const since = (Date.now() / 1000).toFixed(3);
    const result = await dhow("run", "--name", "victim", "busybox", "sh", "-c", "echo said; exit 7");
    daemon().arm("");
    expect(result).toMatchObject({ code: 7, stdout: "said\n" });
    const to = (Date.now() / 1000 + 0.1).toFixed(3);
    const format = "{{.Action}}";
    const { stdout } = await dhow(
      "events",
      "--since",
      since,
      "--until",
      to,
      "--format",
      format,
      "--filter",
      "type=container",
    );
    expect(
      stdout
        .trim()
        .split("\n")
        .filter((action) => action !== "attach"),
    ).toEqual(["create", "start", "die"]);
    await dhow("rm", "victim");
  });

  test("rm -f of a supervisor that is stopped ends with an error in time, and works once it goes on", async () => {
    await dhow("run", "-d", "--name", "victim", "busybox", "sleep", "600");
    const pid = supervisorPid(daemon());
    process.kill(pid, "SIGSTOP");
    try {
      const from = performance.now();
      const { code, stderr } = await dhow("rm", "-f", "victim");
      expect([code, stderr]).toEqual([1, expect.stringContaining("the supervisor has not answered for 10 s")]);
      expect(performance.now() - from).toBeLessThan(15_000);
      expect((await daemon().api("GET", "/containers/json")).status).toBe(200);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    expect((await dhow("rm", "-f", "victim")).stderr).toBe("");
    expect((await dhow("run", "--rm", "busybox", "echo", "ok")).stdout).toBe("ok\n");
    await expectLedger(daemon(), clean, { fds: false });
  });

  test("start and exec of a supervisor that is stopped end with an error in time, and nothing of them comes later", async () => {
    await dhow("run", "-d", "--name", "other", "busybox", "sleep", "600");
    await dhow("create", "--name", "victim", "busybox", "sleep", "600");
    const pid = supervisorPid(daemon());
    process.kill(pid, "SIGSTOP");
    try {
      const from = performance.now();
      const both = await Promise.all([dhow("start", "victim"), dhow("exec", "other", "touch", "/late")]);
      for (const { code, stdout, stderr } of both) {
        expect(code).not.toBe(0);
        // Of an exec the stream tells, as dockerd's does.
        expect(stdout + stderr).toContain("the supervisor has not answered for 10 s");
      }
      expect(performance.now() - from).toBeLessThan(16_000);
      expect((await dhow("ps", "--format", "{{.Names}}")).stdout).toBe("other\n");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await Bun.sleep(1500);
    expect((await dhow("exec", "other", "ls", "/late")).code).not.toBe(0);
    expect((await dhow("start", "victim")).stderr).toBe("");
    await dhow("rm", "-f", "victim", "other");
    await expectLedger(daemon(), clean, { fds: false });
  });

  test("a process that a supervisor started just before it was stopped is ended when it goes on", async () => {
    await dhow("create", "--name", "victim", "busybox", "sleep", "604");
    daemon().arm("supervisor.start.launched=delay:1500");
    const pid = supervisorPid(daemon());
    const starting = dhow("start", "victim");
    await Bun.sleep(700);
    process.kill(pid, "SIGSTOP");
    try {
      expect((await starting).stderr).toContain("the supervisor has not answered");
    } finally {
      daemon().arm("");
      process.kill(pid, "SIGCONT");
    }
    await Bun.sleep(2000);
    expect((await dhow("inspect", "-f", "{{.State.Status}}", "victim")).stdout).toBe("created\n");
    await dhow("rm", "-f", "victim");
    await expectLedger(daemon(), clean, { fds: false });
  });

  test("a container that is removed while its start is under way is gone, and so is its process", async () => {
    await dhow("create", "--name", "victim", "busybox", "sleep", "600");
    daemon().arm("supervisor.start.launched=delay:600");
    const starting = dhow("start", "victim");
    await Bun.sleep(200);
    const removed = await dhow("rm", "-f", "victim");
    await starting;
    daemon().arm("");
    expect(removed.stderr).toBe("");
    expect((await dhow("ps", "-aq")).stdout).toBe("");
    await expectLedger(daemon(), clean, { fds: false });
  });
});

describe("hardening 170: a full disk at", () => {
  const steps: readonly (readonly string[])[] = [
    ["volume", "create", "data"],
    ["network", "create", "lan"],
    ["tag", "busybox", "busybox:two"],
    ["create", "--name", "victim", "--network", "lan", "-v", "data:/d", "busybox", "sleep", "600"],
    ["start", "victim"],
    ["update", "-m", "64m", "--memory-swap", "64m", "victim"],
    ["pause", "victim"],
    ["unpause", "victim"],
    ["rename", "victim", "other"],
    ["network", "connect", "bridge", "other"],
    ["network", "disconnect", "bridge", "other"],
    ["stop", "-t", "0", "other"],
    ["rm", "other"],
    ["rmi", "busybox:two"],
    ["network", "rm", "lan"],
    ["volume", "rm", "data"],
  ];

  test("the state's commits fails each request with its reason, and the same request works when there is room", async () => {
    const pid = daemon().pid;
    for (const step of steps) {
      daemon().arm("state.commit=enospc");
      const failed = await dhow(...step);
      daemon().arm("");
      expect([step, failed.code === 0, failed.stderr]).toEqual([step, false, expect.stringContaining("no space left")]);
      const again = await dhow(...step);
      expect([step, again.code, again.stderr]).toEqual([step, 0, ""]);
    }
    expect((await daemon().api("GET", "/_ping")).status).toBe(200);
    expect(daemon().pid).toBe(pid);
    await expectLedger(daemon(), clean, { fds: false });
  }, 60_000);

  test("the log loses those lines only, and holds up neither the container nor its next ones", async () => {
    const line = "for part in one two three; do echo $part; until test -e /$part; do usleep 20000; done; done";
    await dhow("run", "-d", "--name", "victim", "busybox", "sh", "-c", line);
    const logs = async () => (await dhow("logs", "victim")).stdout;
    await until("the first line", async () => (await logs()) === "one\n");
    daemon().arm("log.append=enospc");
    const go = async (name: string) => expect((await dhow("exec", "victim", "touch", `/${name}`)).code).toBe(0);
    await go("one");
    await Bun.sleep(200);
    daemon().arm("");
    await go("two");
    await until("the line after it", async () => (await logs()) === "one\nthree\n");
    await go("three");
    expect((await dhow("wait", "victim")).stdout).toBe("0\n");
    await dhow("rm", "victim");
  });
});

test("hardening 164: a container that ends with its supervisor and the daemon is told as ended, and starts again", async () => {
  await dhow("run", "-d", "--name", "victim", "busybox", "sleep", "600");
  const pid = Number(await inspect("{{.State.Pid}}"));
  const supervisor = supervisorPid(daemon());
  await daemon().kill9();
  process.kill(supervisor, "SIGKILL");
  process.kill(pid, "SIGKILL");
  await daemon().start();
  await until("its end to be known", async () => (await inspect("{{.State.Status}}")) === "exited");
  // From Linux 6.15 on the kernel keeps the code for whoever holds a descriptor of the process; before, nobody knows it.
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const code = major > 6 || (major === 6 && minor >= 15) ? 137 : 255;
  expect(await inspect("{{.State.ExitCode}} {{.State.Pid}}")).toBe(`${code} 0`);
  expect(Date.parse(await inspect("{{.State.FinishedAt}}"))).toBeGreaterThan(
    Date.parse(await inspect("{{.State.StartedAt}}")),
  );
  expect(await dhow("start", "victim")).toMatchObject({ code: 0 });
  expect(await inspect("{{.State.Status}}")).toBe("running");
});
