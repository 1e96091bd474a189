import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run, until } from "../harness/command.ts";
import { dhowBinary, TestDaemon } from "../harness/daemon.ts";
import { busyboxTar } from "../harness/images.ts";

/** Command lines of processes that name `root`. */
function processesOf(root: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return line.includes(root) ? [line] : [];
    } catch {
      return [];
    }
  });
}

test("a daemon that cannot start says why and leaves no supervisor behind", async () => {
  await using first = await TestDaemon.start();
  await using place = TestDaemon.reserve();
  // The other daemon's bridge holds this address already.
  const flags = place.flags
    .filter((flag) => !flag.startsWith("--bip") && !flag.startsWith("--default-address-pool"))
    .concat(`--default-address-pool=base=10.213.${first.slot}.0/24,size=24`);
  const started = await run([dhowBinary, "daemon", ...flags], { timeoutMs: 20_000 });
  expect(started.code).toBe(1);
  expect(started.stderr).toContain("failed to start daemon: all predefined address pools have been fully subnetted");
  const supervisors = () => processesOf(place.root).filter((line) => line.includes(" supervisor "));
  await until("the supervisor to be gone", () => supervisors().length === 0);
});

test("the long-lived roles run with a small heap and hand none of its settings to their children", async () => {
  await using daemon = await TestDaemon.start();
  const environment = readFileSync(`/proc/${daemon.pid}/environ`, "utf8");
  expect(environment).toContain("BUN_JSC_forceRAMSize=");
  const supervisor = readdirSync("/proc").find((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`supervisor\0--exec-root\0${daemon.execRoot}`);
    } catch {
      return false;
    }
  });
  expect(readFileSync(`/proc/${supervisor}/environ`, "utf8")).not.toContain("useDFGJIT");
});

test("`daemon stop --all` ends what a dead daemon left, with its containers' grace time and their deleted files", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  const told = join(daemon.root, "told");
  mkdirSync(told);
  const script = "trap 'echo bye >/told/end; exit' TERM; while :; do sleep 0.1; done";
  await daemon.must("run", "-d", "--name", "left", "-v", `${told}:/told`, "busybox", "sh", "-c", script);
  const fill = "mkdir /many; cd /many; for n in $(seq 3000); do echo >$n; done";
  await daemon.must("run", "--name", "big", "busybox", "sh", "-c", fill);
  await daemon.must("rm", "big");
  await daemon.kill9();
  const stopped = await run([dhowBinary, "daemon", "stop", "--all", ...daemon.flags], { timeoutMs: 30_000 });
  expect([stopped.code, stopped.stderr.includes("no daemon answers")]).toEqual([0, false]);
  expect(processesOf(daemon.root)).toEqual([]);
  expect(readFileSync(join(told, "end"), "utf8")).toBe("bye\n");
  expect(existsSync(`/sys/class/net/${daemon.bridge}`)).toBe(false);
  expect(readdirSync(join(daemon.dataRoot, "trash"))).toEqual([]);
  // Nothing is left to stop: that is said again.
  const again = await run([dhowBinary, "daemon", "stop", "--all", ...daemon.flags], { timeoutMs: 30_000 });
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("no daemon answers")]);
}, 60_000);

test("`daemon stop --all` after a crash starts nothing by a restart policy; the next daemon does", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.docker("import", await busyboxTar(), "busybox:latest");
  const told = join(daemon.root, "told");
  mkdirSync(told);
  const policy = (name: string, ...script: string[]) =>
    daemon.must(
      "run",
      "-d",
      "--name",
      name,
      "--restart=always",
      "-v",
      `${told}:/told`,
      "busybox",
      "sh",
      "-c",
      ...script,
    );
  const starts = (name: string) => readFileSync(join(told, name), "utf8").length;
  // One ends while no daemon is there, one waits for its next restart, one runs, one got its policy after its end.
  await policy("ends", "printf x >>/told/ends; sleep 300");
  await policy("again", "printf x >>/told/again; exit 1");
  await policy("runs", "printf x >>/told/runs; sleep 300");
  const late = ["-v", `${told}:/told`, "busybox", "sh", "-c", "printf x >>/told/late"];
  await daemon.must("run", "--name", "late", ...late);
  await daemon.must("update", "--restart=always", "late");
  const pid = Number(await daemon.must("inspect", "-f", "{{.State.Pid}}", "ends"));
  await until("several restarts", () => starts("again") >= 4);
  await daemon.kill9();
  process.kill(pid, "SIGKILL");
  await until("the end", () => !existsSync(`/proc/${pid}`));
  await Bun.sleep(100);
  const names = ["ends", "again", "runs", "late"];
  const before = names.map(starts);
  const stopped = await run([dhowBinary, "daemon", "stop", "--all", ...daemon.flags], { timeoutMs: 30_000 });
  expect([stopped.code, stopped.stderr.includes("start by policy")]).toEqual([0, false]);
  expect(processesOf(daemon.root)).toEqual([]);
  expect(names.map(starts)).toEqual(before);
  await daemon.start();
  await until("the policies", () => names.every((name, at) => starts(name) > before[at]!));
}, 90_000);
