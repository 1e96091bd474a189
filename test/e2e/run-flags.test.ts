/** Flags of `run` whose effect shows in a real container only, through both clients. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/command.ts";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();

describe.each([...clients])("%s run", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);
  const inside = (line: string, ...flags: string[]) => cli("run", "--rm", ...flags, "busybox", "sh", "-c", line);
  const output = async (line: string, ...flags: string[]) => (await inside(line, ...flags)).stdout.trim();
  const shown = async (name: string, format: string) => (await cli("inspect", "-f", format, name)).stdout.trim();
  const refused = async (words: string, ...flags: string[]) => {
    const { code, stderr } = await cli("run", "--rm", ...flags, "busybox", "true");
    expect([code, stderr]).toEqual([125, expect.stringContaining(words)]);
  };

  test("--device makes the node with its rights, and nothing else can be opened", async () => {
    expect(await output("ls -l /dev/km | cut -c1", "--device", "/dev/null:/dev/km")).toBe("c");
    expect(
      await output("(: > /dev/z) 2>&1; (: < /dev/z) 2>&1 && echo read", "--device", "/dev/net/tun:/dev/z:r"),
    ).toMatch(/Operation not permitted\nread$/);
    expect(await output("mknod /tmp/k c 10 200 && (: < /tmp/k) 2>&1")).toContain("Operation not permitted");
    const missing = await cli("run", "--rm", "--device", "/dev/no-such", "busybox", "true");
    expect([missing.code > 124, missing.stderr]).toEqual([true, expect.stringContaining("no such file or directory")]);
  });

  test("what can have no effect is refused or warned of", async () => {
    const warned = await cli("run", "--rm", "--network", "host", "-p", "80:80", "busybox", "true");
    expect(warned.stderr).toContain("Published ports are discarded when using host network mode");
    const empty = mkdtempSync(join(tmpdir(), "dhow-no-devices-"));
    await refused(
      `gathering device information while adding custom device "${empty}": not a device node`,
      "--device",
      empty,
    );
    rmSync(empty, { recursive: true });
    const log = "failed to create task for container: failed to initialize logging driver: ";
    await refused(`${log}invalid size: 'abc'`, "--log-opt", "max-size=abc");
    await refused(`${log}max-file cannot be less than 1`, "--log-opt", "max-file=0");
    await refused(`${log}strconv.Atoi: parsing "x": invalid syntax`, "--log-opt", "max-file=x");
  });

  test("exec puts its own variables before HOME, as dockerd", async () => {
    await cli("run", "-d", "--name", "env", "busybox", "sleep", "60");
    const names = async (...flags: string[]) =>
      (await cli("exec", ...flags, "env", "env")).stdout.split("\n").map((line) => line.split("=")[0]);
    expect((await names("-e", "A=1")).slice(-3)).toEqual(["A", "HOME", ""]);
    expect((await names("-u", "1000", "-e", "A=1")).slice(-3)).toEqual(["A", "HOME", ""]);
    await cli("update", "--kernel-memory", "50m", "env");
    expect(await shown("env", "{{json .HostConfig}}")).not.toContain("52428800");
    await cli("rm", "-f", "env");
  });

  test("--device-cgroup-rule allows a node that mknod makes", async () => {
    expect(
      await output("mknod /tmp/k c 10 200; (: < /tmp/k) 2>&1 && echo opened", "--device-cgroup-rule", "c 10:200 rmw"),
    ).toBe("opened");
    expect(
      await output("mknod /tmp/k c 10 200; (: < /tmp/k) 2>&1 && echo opened", "--device-cgroup-rule", "c 10:* rmw"),
    ).toBe("opened");
  });

  test("--ipc, --pid, --uts and --userns join what they name", async () => {
    await cli("run", "-d", "--name", "ns", "--ipc", "shareable", "busybox", "sleep", "60");
    await cli("exec", "ns", "touch", "/dev/shm/shared");
    expect(await output("ls /dev/shm", "--ipc", "container:ns")).toBe("shared");
    expect(await output("ps | grep -c '[s]leep 60'", "--pid", "container:ns")).toBe("1");
    expect(Number(await output("ls -d /proc/[0-9]* | wc -l", "--pid", "host"))).toBeGreaterThan(5);
    expect(await output("hostname", "--uts", "host")).toBe(hostname());
    expect(await output("head -1 /proc/self/uid_map", "--userns", "host")).toMatch(/^0 +0 +4294967295$/);
    await cli("run", "-d", "--name", "own", "busybox", "sleep", "60");
    await refused("non-shareable IPC", "--ipc", "container:own");
    await refused("No such container: nobody", "--pid", "container:nobody");
    await refused("conflicting options: hostname and the UTS mode", "--uts", "host", "--hostname", "x");
    await cli("rm", "-f", "ns", "own");
  });

  test("--cgroupns private hides the path of the cgroup, host shows it", async () => {
    const paths = (mode: string) => output("cut -d: -f3 /proc/self/cgroup | sort | uniq | tail -1", "--cgroupns", mode);
    expect(await paths("private")).toBe("/");
    expect(await paths("host")).toMatch(/[0-9a-f]{64}$/);
  });

  test("--init is pid 1 and reaps orphans", async () => {
    expect(await output("tr '\\0' ' ' < /proc/1/cmdline", "--init")).toMatch(/^\/sbin\/docker-init -- sh -c/);
    expect(await output("(sleep 0.1 & ) ; (true & ); sleep 0.5; ps | grep -c '[Z] '; true", "--init")).toBe("0");
  });

  test("--read-only, --tmpfs and --shm-size shape what can be written", async () => {
    expect((await inside("touch /x", "--read-only")).stderr).toContain("Read-only file system");
    expect(
      await output(
        "touch /t/x && stat -c %a:%u /t && df -k /t | tail -1 | awk '{print $2}'",
        "--read-only",
        "--tmpfs",
        "/t:size=1m,mode=700,uid=5",
      ),
    ).toBe("700:5\n1024");
    expect(await output("grep ' /t ' /proc/mounts", "--tmpfs", "/t:exec")).not.toContain("noexec");
    expect(await output("df -k /dev/shm | tail -1 | awk '{print $2}'", "--shm-size", "1m")).toBe("1024");
    await refused(`invalid tmpfs option "bogus"`, "--tmpfs", "/t:bogus");
  });

  test("--ulimit, --sysctl and --group-add reach the process", async () => {
    expect(await output("ulimit -n; ulimit -Hn", "--ulimit", "nofile=99:100")).toBe("99\n100");
    expect(await output("cat /proc/sys/kernel/shmmax", "--sysctl", "kernel.shmmax=999")).toBe("999");
    expect(await output("id -G", "--group-add", "777", "--group-add", "extra")).toBe("0 777 2000");
    await refused("unable to find group nogroup", "--group-add", "nogroup");
  });

  test("--health-cmd goes from starting to healthy to unhealthy", async () => {
    await cli(
      "run",
      "-d",
      "--name",
      "well",
      "--health-cmd",
      "test ! -e /sick",
      "--health-interval",
      "150ms",
      "--health-retries",
      "2",
      "busybox",
      "sleep",
      "60",
    );
    expect(await shown("well", "{{.State.Health.Status}}")).toMatch(/starting|healthy/);
    await until("health", async () => (await shown("well", "{{.State.Health.Status}}")) === "healthy");
    await cli("exec", "well", "touch", "/sick");
    await until("sickness", async () => (await shown("well", "{{.State.Health.Status}}")) === "unhealthy");
    expect(Number(await shown("well", "{{.State.Health.FailingStreak}}"))).toBeGreaterThanOrEqual(2);
    expect((await cli("ps", "--filter", "health=unhealthy", "--format", "{{.Names}} {{.Status}}")).stdout).toMatch(
      /^well .*\(unhealthy\)/,
    );
    await cli("rm", "-f", "well");
  });

  test("--restart on-failure:2 starts a failing container three times", async () => {
    await cli("run", "-d", "--name", "again", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo tried; exit 3");
    await until(
      "the last try",
      async () => (await shown("again", "{{.State.Status}} {{.RestartCount}}")) === "exited 2",
    );
    expect((await cli("logs", "again")).stdout).toBe("tried\ntried\ntried\n");
    await cli("rm", "again");
    await refused("conflicting options: cannot specify both --restart and --rm", "--restart", "always");
  });

  test("--stop-signal and --stop-timeout are what stop uses", async () => {
    await cli(
      "run",
      "-d",
      "--name",
      "stopped",
      "--stop-signal",
      "USR1",
      "busybox",
      "sh",
      "-c",
      "trap 'exit 9' USR1; while :; do sleep 0.1; done",
    );
    await cli("exec", "stopped", "true");
    await cli("stop", "stopped");
    expect(await shown("stopped", "{{.State.ExitCode}}")).toBe("9");
    await cli(
      "run",
      "-d",
      "--name",
      "stubborn",
      "--stop-timeout",
      "1",
      "busybox",
      "sh",
      "-c",
      "trap '' TERM; while :; do sleep 0.1; done",
    );
    const from = performance.now();
    await cli("stop", "stubborn");
    expect([performance.now() - from < 5000, await shown("stubborn", "{{.State.ExitCode}}")]).toEqual([true, "137"]);
    await cli("rm", "stopped", "stubborn");
  });

  test("--log-driver none keeps nothing, max-size and max-file bound what json-file and local keep", async () => {
    await cli("run", "--name", "quiet", "--log-driver", "none", "busybox", "echo", "x");
    expect((await cli("logs", "quiet")).stderr).toContain("configured logging driver does not support reading");
    for (const driver of ["json-file", "local"]) {
      await cli(
        "run",
        "--name",
        "loud",
        "--log-driver",
        driver,
        "--log-opt",
        "max-size=1k",
        "--log-opt",
        "max-file=2",
        "busybox",
        "sh",
        "-c",
        "for i in $(seq 200); do echo line $i; done",
      );
      const lines = (await cli("logs", "loud")).stdout.trim().split("\n");
      expect([lines.at(-1), lines.length < 60]).toEqual(["line 200", true]);
      await cli("rm", "loud");
    }
    await refused("unknown log opt 'nosuch' for json-file log driver", "--log-opt", "nosuch=1");
    await refused("error looking up logging plugin awslogs", "--log-driver", "awslogs");
    await cli("rm", "quiet");
  });

  test("--volumes-from takes mounts over, read-only where asked", async () => {
    await cli("run", "--name", "donor", "-v", "/data", "busybox", "sh", "-c", "echo kept > /data/f");
    expect(await output("cat /data/f", "--volumes-from", "donor")).toBe("kept");
    expect((await inside("touch /data/x", "--volumes-from", "donor:ro")).stderr).toContain("Read-only file system");
    await refused("No such container: nobody", "--volumes-from", "nobody");
    await cli("rm", "-v", "donor");
  });

  test("a new volume gets what the image has there, with owner and mode, but for nocopy", async () => {
    expect(await output("ls /etc | sort | tr '\\n' ' '; cat /etc/group | wc -l", "-v", "vcopy:/etc")).toMatch(
      /group .*passwd .*3$/s,
    );
    expect(await output("stat -c %a /tmp", "-v", "vmode:/tmp")).toBe("1777");
    expect(await output("ls -A /bin | wc -l; true", "-v", "vnone:/home:nocopy", "--entrypoint", "/bin/sh")).not.toBe(
      "0",
    );
    expect(await output("ls -A /home", "-v", "vno2:/home:nocopy")).toBe("");
    await cli("volume", "rm", "vcopy", "vmode", "vnone", "vno2");
  });

  test("the directories above a mount that the image lacks let everyone through", async () => {
    const made = await output(
      "stat -c '%a' /x /x/y | sed 's/^1//'; ls /x/y/z",
      "-u",
      "app",
      "-v",
      "/x/y/z",
      "--tmpfs",
      "/x/y/t",
    );
    expect(made).toBe("755\n755");
  });

  test("--mount: volume-subpath, read-only files, tmpfs options, propagation", async () => {
    const dir = mkdtempSync(join(tmpdir(), "dhow-mount-"));
    mkdirSync(join(dir, "d"));
    writeFileSync(join(dir, "d/file"), "text");
    await inside("mkdir /v/sub; echo deep > /v/sub/f", "-v", "vflags:/v");
    expect(await output("cat /s/f", "--mount", "type=volume,src=vflags,dst=/s,volume-subpath=sub")).toBe("deep");
    expect(await output("cat /m; (echo x > /m) 2>&1", "--mount", `type=bind,src=${dir}/d/file,dst=/m,ro`)).toMatch(
      /^text.*Read-only file system$/s,
    );
    expect(
      await output(
        "stat -c %a /t; df -k /t | tail -1 | awk '{print $2}'",
        "--mount",
        "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=750",
      ),
    ).toBe("750\n1024");
    expect(existsSync(join(dir, "new"))).toBe(false);
    expect(await output("echo made > /n/f", "-v", `${dir}/new:/n`)).toBe("");
    expect(readFileSync(join(dir, "new/f"), "utf8")).toBe("made\n");
    await refused("Duplicate mount point: /n", "-v", `${dir}:/n`, "-v", "/tmp:/n");
    await cli("volume", "rm", "vflags");
    rmSync(dir, { recursive: true });
  });

  test("what is not built yet is refused by name", async () => {
    await refused("SELinux labels are not supported", "--security-opt", "label=type:x");
    await refused("invalid isolation (hyperv)", "--isolation", "hyperv");
    await refused("Unknown option foo", "--storage-opt", "foo=1");
    expect(
      await output(
        "mkdir /sys/fs/cgroup/pids/x 2>/dev/null && echo made; rmdir /sys/fs/cgroup/pids/x",
        "--cgroupns",
        "private",
        "--security-opt",
        "writable-cgroups=true",
      ),
    ).toMatch(/^(made)?$/);
  });
});
