/** The root and the network of a running container, which leave the mount table soon after the start, are there for all that asks for them. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { run, until } from "../harness/command.ts";
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

test("the network of a running container is at its SandboxKey, and is worked on, also with another netd", async () => {
  const pins = (): string[] => readFileSync("/proc/self/mounts", "utf8").match(/netns-pins\/\S+/g) ?? [];
  await dhow("network", "create", "side");
  await dhow("run", "-d", "--name", "box", "busybox", "sleep", "600");
  const key = (await dhow("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", "box")).stdout.trim();
  await until("its namespace to leave the mount table", () => readlinkSync(key).startsWith("/proc/"));
  expect(pins().some((pin) => pin.endsWith(basename(key)))).toBe(false);
  const addresses = async () => (await run(["nsenter", `--net=${key}`, "ip", "-o", "-4", "addr"])).stdout;
  for (const again of [false, true]) {
    if (again) {
      for (const pid of await daemon().netdPids()) process.kill(pid, "SIGKILL");
      await until(
        "the network to be taken over",
        async () => (await dhow("network", "disconnect", "side", "box")).code === 0,
      );
    }
    expect(await dhow("network", "connect", "side", "box")).toMatchObject({ code: 0 });
    expect(await addresses()).toMatch(/eth0[^]*eth1/);
    expect((await dhow("exec", "box", "nslookup", "box")).stdout).toContain("Name:\tbox");
    expect(
      (await dhow("run", "--rm", "--network", "container:box", "busybox", "ip", "-o", "-4", "addr")).stdout,
    ).toMatch(/eth0[^]*eth1/);
  }
  await dhow("rm", "-f", "box");
  await dhow("network", "rm", "side");
  expect(existsSync(dirname(key)) && readdirSync(dirname(key))).not.toContain(basename(key));
});
