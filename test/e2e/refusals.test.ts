/** Hardening, row 170: what the disk or the kernel refuses fails one request, leaves nothing of it, and is over when it is over. */
import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { slowness, until } from "../harness/command.ts";
import { supervisorPid } from "../harness/crash.ts";
import { runClient } from "../harness/daemon.ts";
import { expectLedger, type Ledger, settledLedger } from "../harness/ledger.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon({ failPoints: "" });
let clean: Ledger;
beforeAll(async () => {
  clean = await settledLedger(daemon());
});

const dhow = (...args: string[]) => daemon().dhow(...args);
const must = (...args: string[]) => daemon().must(...args);

/** Runs a command with a point armed, and then without. */
async function refusedAt(setting: string, command: readonly string[]) {
  daemon().arm(setting);
  try {
    return await dhow(...command);
  } finally {
    daemon().arm("");
  }
}

/** One case's leavings are not the next one's. */
afterEach(async () => {
  daemon().arm("");
  await dhow("rm", "-f", "-v", "victim");
  await dhow("volume", "prune", "-af");
});

async function expectNothingLeft(): Promise<void> {
  expect((await dhow("ps", "-aq")).stdout).toBe("");
  await until("its volumes to go", async () => (await dhow("volume", "ls", "-q")).stdout === "", 3000);
  await expectLedger(daemon(), clean, { fds: false });
}

const create = ["create", "--name", "victim", "-v", "/etc", "-p", "127.0.0.1::80", "busybox", "sleep", "600"];
const modes = ["error", "enospc", "eio"] as const;
/** One commit refused, and all of them from that one on. */
const commits = [1, 2, 3, 4].flatMap((nth) => [`state.commit=enospc@${nth}`, `state.commit=eio@${nth}+`]);

describe("a create refused at", () => {
  const points = [
    "containers.create.recorded",
    "containers.create.prepared",
    "snapshots.prepare",
    "volumes.create.made",
  ];
  const settings = [
    ...points.map((point, i) => `${point}=${modes[i % modes.length]}`),
    ...["volumes.populate.marked", "volumes.populate.copied"].map((point) => `${point}=enospc`),
    ...points.map((point) => `${point}=error,state.commit=enospc@2+`),
    ...commits,
  ];
  test.each(settings)("%s leaves no name, mount or file", async (setting) => {
    const failed = await refusedAt(setting, create);
    if (failed.code === 0) await must("rm", "-v", "victim");
    await expectNothingLeft();
    await must(...create);
    await must("start", "victim");
    await must("rm", "-f", "-v", "victim");
    await expectNothingLeft();
  });
});

test("a create without a command leaves no volume", async () => {
  const failed = await daemon().run("docker", "create", "-v", "held:/d", "--entrypoint", "", "busybox");
  expect(failed.stderr).toContain("no command specified");
  await expectNothingLeft();
  await must("volume", "create", "held");
  await must("volume", "rm", "held");
});

describe("a start refused at", () => {
  const points = [
    "containers.start.intent",
    "networks.attach.planned",
    "networks.attach.attached",
    "networks.attach.recorded",
    "containers.start.network",
    "containers.start.mounted",
    "containers.start.bundled",
    "containers.start.process",
  ];
  const settings = [
    ...points.map((point, i) => `${point}=${modes[i % modes.length]}`),
    ...points.map((point) => `${point}=error,state.commit=enospc@2+`),
    ...commits,
  ];
  test.each(settings)("%s leaves no address, endpoint, mount or process", async (setting) => {
    await must(...create);
    const failed = await refusedAt(setting, ["start", "victim"]);
    if (failed.code !== 0) {
      const shown = await must(
        "inspect",
        "-f",
        "{{.State.Status}} {{.State.Pid}} {{json .NetworkSettings.IPAddress}}",
        "victim",
      );
      expect(shown).toMatch(/^(created|exited) 0 ""\n$/);
      expect(await must("network", "inspect", "-f", "{{len .Containers}}", "bridge")).toBe("0\n");
      await expectLedger(
        daemon(),
        { ...clean, containers: [(await must("inspect", "-f", "{{.Id}}", "victim")).trim()] },
        { fds: false },
      );
    }
    await must("start", "victim");
    await must("exec", "victim", "true");
    await must("rm", "-f", "-v", "victim");
    await expectNothingLeft();
  });
});

test("a restart by policy that a full disk refuses is made when there is room", async () => {
  await must("run", "-d", "--name", "victim", "--restart", "always", "busybox", "false");
  const count = async () => Number(await must("inspect", "-f", "{{.RestartCount}}", "victim"));
  const waits = async () => (await must("inspect", "-f", "{{.State.Status}}", "victim")) === "restarting\n";
  await until("a long rest", async () => (await count()) >= 3 && (await waits()));
  const before = await count();
  daemon().arm("state.commit=enospc");
  await Bun.sleep(2000);
  daemon().arm("");
  await until("the next start", async () => (await count()) > before);
  await must("rm", "-f", "victim");
  await expectNothingLeft();
});

describe("hardening 170: a log whose rotation is refused at", () => {
  test.each(["log.rotate.closed", "log.rotate.renamed"])(
    "%s goes on, and what it lost is counted and said",
    async (point) => {
      const line = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; usleep 20000; done";
      const flags = ["--log-opt", "max-size=1k", "--log-opt", "max-file=20"];
      const id = (await must("run", "-d", "--name", "victim", ...flags, "busybox", "sh", "-c", line)).trim();
      const numbers = async () => (await must("logs", "victim")).match(/\d+/g)?.map(Number) ?? [];
      await until("the first lines", async () => (await numbers()).length > 3);
      daemon().arm(`${point}=enospc`);
      await Bun.sleep(700 * slowness);
      daemon().arm("");
      await must("wait", "victim");
      const seen = await numbers();
      const told = daemon()
        .log()
        .match(new RegExp(`container ${id}: its log is written again, (\\d+) lines were lost`));
      expect(seen.at(-1)).toBe(100);
      expect(100 - seen.length).toBe(Number(told?.[1] ?? 0));
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      // A rotation that does not come about costs no line; one that leaves no file to write into does.
      if (point === "log.rotate.closed") expect(seen.length).toBe(100);
      await must("rm", "victim");
    },
  );

  test("an append that is refused is said in the daemon's log, with the lines lost", async () => {
    const line = "for i in 1 2 3; do echo $i; until test -e /go$i; do usleep 10000; done; done";
    const id = (await must("run", "-d", "--name", "victim", "busybox", "sh", "-c", line)).trim();
    await until("the first line", async () => (await must("logs", "victim")) === "1\n");
    daemon().arm("log.append=enospc");
    await must("exec", "victim", "touch", "/go1");
    await until("the refusal", () =>
      daemon().log().includes(`container ${id}: its log cannot be written, lines are lost`),
    );
    daemon().arm("");
    await must("exec", "victim", "touch", "/go2");
    await until("the end of it", () => daemon().log().includes(`${id}: its log is written again, 1 lines were lost`));
    expect(await must("logs", "victim")).toBe("1\n3\n");
    await must("rm", "-f", "victim");
  });
});

/** Leaves a process with so many more descriptors than it has; gives the limit back at the end. */
function spareDescriptors(pid: number, spare: number): Disposable {
  const limit = /Max open files\s+(\d+)\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, "utf8"));
  const set = (soft: number | string) =>
    Bun.spawnSync(["prlimit", "--pid", String(pid), `--nofile=${soft}:${limit?.[2]}`]);
  // The limit is one of numbers, and those in use may lie above it.
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let soft = 0;
  for (let free = 0; free < spare || used.has(soft); soft++) if (!used.has(soft)) free++;
  set(soft);
  return { [Symbol.dispose]: () => void set(limit?.[1] ?? "") };
}

describe("hardening 170: without descriptors", () => {
  const verbs: readonly (readonly string[])[] = [
    ["create", "--name", "other", "-v", "/etc", "busybox", "true"],
    ["run", "--name", "third", "-p", "127.0.0.1::80", "busybox", "true"],
    ["exec", "victim", "echo", "inside"],
    ["logs", "victim"],
    ["cp", "victim:/etc/group", "-"],
    ["stop", "-t", "0", "victim"],
    ["start", "victim"],
    ["network", "create", "lan"],
  ];
  // What has none left takes no connection either, and its clients wait: of a supervisor's, only those with a new stream.
  const onOldConnections = verbs.filter(([verb]) => verb === "stop" || verb === "start");
  const cases = [
    ["daemon", 1, verbs],
    ["daemon", 4, verbs],
    ["supervisor", 0, onOldConnections],
    ["supervisor", 2, verbs],
  ] as const;
  test.each(cases)(
    "the %s, which has %d left, refuses what it cannot do, goes on, and is whole again with more",
    async (who, spare, asked) => {
      const line = "echo said; exec sleep 600";
      await must("run", "-d", "--name", "victim", "busybox", "sh", "-c", line);
      const pid = who === "daemon" ? daemon().pid : supervisorPid(daemon());
      {
        using _limit = spareDescriptors(pid, spare);
        for (const verb of asked) await runClient("dhow", daemon().socket, verb, { timeoutMs: 30_000 });
      }
      expect((await daemon().api("GET", "/_ping")).status).toBe(200);
      expect(who === "daemon" ? daemon().pid : supervisorPid(daemon())).toBe(pid);
      await dhow("start", "victim");
      expect(await must("exec", "victim", "echo", "inside")).toBe("inside\n");
      expect(await must("logs", "--tail", "1", "victim")).toBe("said\n");
      await must("run", "--rm", "-v", "/etc", "busybox", "true");
      for (const name of ["victim", "other", "third"]) await dhow("rm", "-f", "-v", name);
      await dhow("network", "rm", "lan");
      await expectNothingLeft();
    },
  );

  test("the supervisor tells the end of an exec whose child keeps its output open", async () => {
    await must("run", "-d", "--name", "victim", "busybox", "sleep", "600");
    const pid = (await must("inspect", "-f", "{{.State.Pid}}", "victim")).trim();
    const line = "until test -e /go; do usleep 20000; done; sleep 600 & exit 3";
    const exec = await daemon().api<{ Id: string }>("POST", "/containers/victim/exec", { Cmd: ["sh", "-c", line] });
    await daemon().api("POST", `/exec/${exec.body.Id}/start`, { Detach: true });
    const ended = async () =>
      (await daemon().api<{ ExitCode: number | null }>("GET", `/exec/${exec.body.Id}/json`)).body.ExitCode;
    await until("the exec is under way", async () => (await must("top", "victim")).includes("usleep"));
    {
      using _limit = spareDescriptors(supervisorPid(daemon()), 0);
      // Its root is not where it was mounted any more.
      writeFileSync(`/proc/${pid}/root/go`, "");
      await Bun.sleep(500 * slowness);
    }
    await until("the end", async () => (await ended()) === 3);
    await must("rm", "-f", "victim");
    await expectNothingLeft();
  });
});
