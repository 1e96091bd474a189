/** The root and the network of a running container, which leave the mount table soon after the start, are there for all that asks for them. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { run, until } from "../harness/command.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
afterEach(async () => {
  await daemon().dhow("rm", "-f", "mover");
});
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

const tree = "mkdir -p /mnt; mount -t tmpfs none /mnt; cp -a /bin /mnt; mkdir /mnt/proc; mount -t proc none /mnt/proc;";

test.each([
  ["moves its root away", `${tree} mkdir /mnt/old; cd /mnt; pivot_root . old; exec sleep 600`],
  ["throws its root away", `${tree} mkdir /mnt/old; cd /mnt; pivot_root . old; umount -l old; exec sleep 600`],
  ["covers its root", `${tree} mount --move /mnt /; exec sleep 600`],
] as const)(
  "a container that %s is exported and entered as it was started, also with another daemon",
  async (_title, line) => {
    await dhow("run", "-d", "--name", "mover", "--privileged", "busybox", "sh", "-c", `echo 7 >/made; ${line}`);
    await until("its root to leave the mount table", () => mounts() === 0);
    for (const again of [false, true]) {
      if (again) await daemon().restart();
      expect(await dhow("exec", "-u", "root", "mover", "/bin/id", "-u")).toMatchObject({ code: 0, stdout: "0\n" });
      expect((await dhow("export", "mover")).stdout).toContain("made");
    }
    expect(await dhow("rm", "-f", "mover")).toMatchObject({ code: 0, stderr: "" });
    expect(mounts()).toBe(0);
  },
);

test("a root that cannot be held without its mounts is not exported by another daemon, and is read", async () => {
  const line = "echo 7 >/made; mount --make-unbindable /; exec sleep 600";
  await dhow("run", "-d", "--name", "mover", "--privileged", "-v", "/data", "busybox", "sh", "-c", line);
  await until("its root to leave the mount table", () => mounts() === 0);
  expect((await dhow("export", "mover")).stdout).toContain("made");
  await daemon().restart();
  expect(await dhow("export", "mover")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("is seen with its mounts only: it can be exported once it is stopped"),
  });
  expect((await dhow("cp", "mover:/made", "-")).stdout).toContain("7\n");
  expect(await dhow("exec", "-u", "root", "mover", "id", "-u")).toMatchObject({ code: 0, stdout: "0\n" });
  await dhow("kill", "mover");
  expect((await dhow("export", "mover")).stdout).toContain("made");
  expect(await dhow("rm", "mover")).toMatchObject({ code: 0, stderr: "" });
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
    expect(await addresses()).toMatch(/eth0[\s\S]*eth1/);
    expect((await dhow("exec", "box", "nslookup", "box")).stdout).toContain("Name:\tbox");
    expect(
      (await dhow("run", "--rm", "--network", "container:box", "busybox", "ip", "-o", "-4", "addr")).stdout,
    ).toMatch(/eth0[\s\S]*eth1/);
  }
  await dhow("rm", "-f", "box");
  await dhow("network", "rm", "side");
  expect(existsSync(dirname(key)) && readdirSync(dirname(key))).not.toContain(basename(key));
});
