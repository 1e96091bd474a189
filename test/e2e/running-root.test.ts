/** The root of a running container, which leaves the mount table soon after the start, is there for all that asks for it. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { until } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const dhow = (...args: string[]) => daemon().dhow(...args);
const mounts = (): number => readFileSync("/proc/self/mounts", "utf8").split(`${daemon().execRoot}/rootfs/`).length - 1;

test.each(["crun", "runc"])("exec, cp and export of a container of %s, also with another daemon", async (runtime) => {
  await dhow("run", "-d", "--name", runtime, "--runtime", runtime, "busybox", "sh", "-c", "echo 7 >/made; sleep 600");
  await until("its root to leave the mount table", () => mounts() === 0);
  for (const again of [false, true]) {
    if (again) await daemon().restart();
    expect(await dhow("exec", runtime, "cat", "/made")).toMatchObject({ code: 0, stdout: "7\n", stderr: "" });
    expect(await dhow("exec", "-u", "root", runtime, "id", "-u")).toMatchObject({ code: 0, stdout: "0\n" });
    expect((await dhow("cp", `${runtime}:/made`, "-")).stdout).toContain("7\n");
    expect((await dhow("export", runtime)).stdout).toContain("made");
  }
  await dhow("rm", "-f", runtime);
  expect(mounts()).toBe(0);
});
