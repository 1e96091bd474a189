/** Health checks: the state machine of the reference, and what dhow does to a container that turns unhealthy. */
import { afterEach, expect, test } from "bun:test";
import { until } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

const cli = (...args: string[]) => daemon().run("dhow", ...args);
const shown = async (name: string, format: string) => (await cli("inspect", "-f", format, name)).stdout.trim();
const status = (name: string) => shown(name, "{{.State.Health.Status}}");
const fast = ["--health-interval", "200ms", "--health-retries", "1"];
const start = (name: string, ...flags: string[]) =>
  daemon().must("run", "-d", "--name", name, "--stop-timeout", "0", ...fast, ...flags, "busybox", "sleep", "300");
const actions = async (name: string): Promise<string[]> => {
  const query = ["--since", "0", "--until", "0s", "--filter", `container=${name}`, "--format", "{{.Action}}"];
  return (await cli("events", ...query)).stdout.trim().split("\n");
};

afterEach(async () => {
  const names = (await daemon().must("ps", "-aq")).split("\n").filter((id) => id !== "");
  if (names.length > 0) await daemon().must("rm", "-f", ...names);
});

test("a check that takes too long is killed, and says what it had written", async () => {
  await start("slow", "--health-cmd", "echo out; exec sleep 77", "--health-timeout", "400ms");
  await until("sickness", async () => (await status("slow")) === "unhealthy");
  expect(await shown("slow", '{{with (index .State.Health.Log 0)}}{{.ExitCode}} {{printf "%q" .Output}}{{end}}')).toBe(
    '-1 "Health check exceeded timeout (400ms): out\\n"',
  );
  await daemon().must("stop", "slow");
  expect(await shown("slow", "{{.State.Health.Status}} {{len .State.Health.Log}}")).toMatch(/^unhealthy [1-5]$/);
  expect((await cli("ps", "-a", "--filter", "name=slow", "--format", "{{.Status}}")).stdout).not.toContain("healthy");
});

test("output is kept up to 4096 bytes and three dots, of five checks", async () => {
  await start("wordy", "--health-cmd", "head -c 5000 /dev/zero | tr '\\000' a");
  const log =
    "{{len .State.Health.Log}} {{with (index .State.Health.Log 0)}}{{len .Output}} {{slice .Output 4095}}{{end}}";
  await until("five results", async () => (await shown("wordy", log)) === "5 4099 a...");
  await Bun.sleep(500);
  expect(await shown("wordy", log)).toBe("5 4099 a...");
});

test("in the start period failures do not count and checks have their own interval", async () => {
  const period = ["--health-start-period", "1h", "--health-start-interval", "250ms", "--health-interval", "1h"];
  await start("early", "--health-cmd", "test -f /ok", ...period);
  await until("two checks", async () => Number(await shown("early", "{{len .State.Health.Log}}")) >= 2);
  expect(await shown("early", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}")).toBe("starting 0");
  await daemon().must("exec", "early", "touch", "/ok");
  await until("health", async () => (await status("early")) === "healthy");
  expect((await actions("early")).filter((action) => action.startsWith("health_status"))).toEqual([
    "health_status: healthy",
  ]);
});

test("the start period of a running container goes on over a restart of the daemon", async () => {
  await start("still", "--health-cmd", "exit 1", "--health-start-period", "1h", "--health-start-interval", "100ms");
  await daemon().restart();
  const before = Number(await shown("still", "{{len .State.Health.Log}}"));
  await until(
    "more checks",
    async () => Number(await shown("still", "{{len .State.Health.Log}}")) > Math.min(before, 4),
  );
  expect(await shown("still", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}")).toBe("starting 0");
});

test("--health-on-failure none leaves an unhealthy container alone", async () => {
  await start("none", "--health-cmd", "exit 1", "--health-on-failure", "none");
  await until("sickness", async () => (await status("none")) === "unhealthy");
  await Bun.sleep(500);
  expect(await shown("none", "{{.State.Status}}")).toBe("running");
});

test("--health-on-failure stop ends it for good, restart policy or not", async () => {
  await start("stop", "--health-cmd", "exit 1", "--health-on-failure", "stop", "--restart", "always");
  await until("the end", async () => (await shown("stop", "{{.State.Status}}")) === "exited");
  await Bun.sleep(500);
  expect(await shown("stop", "{{.State.Status}} {{.RestartCount}}")).toBe("exited 0");
});

test("--health-on-failure kill is a death like any other: the restart policy applies", async () => {
  await start("kill", "--health-cmd", "exit 1", "--health-on-failure", "kill", "--restart", "on-failure:1");
  await until("the second end", async () => (await shown("kill", "{{.State.Status}}")) === "exited");
  expect(await shown("kill", "{{.State.ExitCode}} {{.RestartCount}}")).toBe("137 1");
});

test("--health-on-failure restart starts it again, and the new process is checked anew", async () => {
  await start("again", "--health-cmd", "test -f /ok", "--health-on-failure", "restart", "--health-retries", "2");
  await until("a restart", async () => (await actions("again")).includes("restart"));
  await daemon().must("exec", "again", "touch", "/ok");
  await until("health", async () => (await status("again")) === "healthy");
  const restarts = async () => (await actions("again")).filter((action) => action === "restart").length;
  const seen = await restarts();
  await Bun.sleep(600);
  expect(await restarts()).toBe(seen);
});

test("hardening 163: health and the count of restarts are kept when the daemon dies", async () => {
  await start("kept", "--health-cmd", "false", "--health-on-failure", "restart", "--health-interval", "1h");
  await start("sick", "--health-cmd", "exit 3", "--health-on-failure", "none");
  await daemon().must("run", "-d", "--name", "twice", "--restart", "on-failure:2", "busybox", "false");
  await until("sickness", async () => (await status("sick")) === "unhealthy");
  await until("two restarts", async () => (await shown("twice", "{{.State.Status}} {{.RestartCount}}")) === "exited 2");
  const streak = Number(await shown("sick", "{{.State.Health.FailingStreak}}"));
  await daemon().kill9();
  await daemon().start();
  expect(await shown("twice", "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}")).toBe("exited 1 2");
  expect(await status("kept")).toBe("starting");
  expect(await status("sick")).toBe("unhealthy");
  expect(Number(await shown("sick", "{{.State.Health.FailingStreak}}"))).toBeGreaterThanOrEqual(streak);
  expect(await shown("sick", "{{(index .State.Health.Log 0).ExitCode}}")).toBe("3");
});

test("an action that does not exist is refused", async () => {
  const { code, stderr } = await cli("create", "--health-on-failure", "explode", "--health-cmd", "true", "busybox");
  expect([code, stderr]).toEqual([1, expect.stringContaining('invalid OnFailure in Healthcheck: "explode"')]);
});
