/** Hardening, section D and the users and mounts of A to C: what a container is kept from, asked from inside real ones. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cloneFlags, forbidden } from "../fixtures/syscalls.ts";
import { until } from "../harness/command.ts";
import { clients, dhowBinary } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const probe = fileURLToPath(new URL("../fixtures/syscall-probe.ts", import.meta.url));
const probeMounts = [
  ...["/usr", "/lib", "/lib64"].filter(existsSync).flatMap((dir) => ["-v", `${realpathSync(dir)}:${dir}:ro`]),
  ...["-v", `${realpathSync(process.execPath)}:/bun:ro`, "-v", `${probe}:/probe.ts:ro`],
];
const [eperm, enosys] = [1, 38];
const dockerCapabilities = "00000000a80425fb";
const none = "0000000000000000";
const status = "grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status";
const fields = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split(/:\s*/, 2) as [string, string]),
  );

describe.each([...clients])("%s", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);
  const inside = (line: string, ...flags: string[]) => cli("run", "--rm", ...flags, "busybox", "sh", "-c", line);
  const syscalls = async (flags: string[], ...calls: string[]): Promise<Record<string, number>> => {
    const result = await cli("run", "--rm", ...probeMounts, ...flags, "busybox", "/bun", "/probe.ts", ...calls);
    if (result.code !== 0) throw new Error(`${result.code} ${result.stderr}`);
    return JSON.parse(result.stdout) as Record<string, number>;
  };

  test.each("1000:4294967296 2147483648 4294967296 -1 0x0 +0 1e3 root:-1 1000:0x0 99999999999999999999".split(" "))(
    "hardening 28: the user %s never becomes root",
    async (user) => {
      const { code, stdout } = await cli("run", "--rm", `--user=${user}`, "busybox", "id", "-u");
      expect([code, stdout]).toEqual([code === 126 ? 126 : 125, ""]);
    },
  );

  test("hardening 28: a name that is a number in the image's passwd never becomes another user's number", async () => {
    await cli("run", "--name", "numeric", "busybox", "sh", "-c", "echo 4321:x:1234:1234::/:/bin/sh >> /etc/passwd");
    await cli("commit", "numeric", "numeric:passwd");
    const { stdout } = await cli("run", "--rm", "-u", "4321", "numeric:passwd", "id", "-u");
    expect(stdout.trim()).toBe("4321");
    await cli("rm", "numeric");
    await cli("rmi", "numeric:passwd");
  });

  test.each(["/proc/self/fd/7", "/proc/self/fd/8", "/proc/1/fd/9", "/proc/self/fd/20", "/tmp/../proc/self/fd/10"])(
    "hardening 50: the working directory %s is refused",
    async (directory) => {
      const { code, stdout } = await cli("run", "--rm", "-w", directory, "busybox", "cat", "../../../../etc/hostname");
      expect([code > 124, stdout]).toEqual([true, ""]);
    },
  );

  test("hardening 50: a link in the image to a descriptor is no working directory, at run and at exec", async () => {
    await cli(
      "run",
      "--name",
      "links",
      "busybox",
      "sh",
      "-c",
      "for n in 3 7 8 9; do ln -s /proc/self/fd/$n /wd$n; done",
    );
    await cli("commit", "links", "links:wd");
    for (const n of [3, 7, 8, 9]) {
      const { code, stdout } = await cli("run", "--rm", "-w", `/wd${n}`, "links:wd", "pwd");
      expect([code > 124, stdout]).toEqual([true, ""]);
    }
    await cli("run", "-d", "--name", "lexec", "links:wd", "sleep", "60");
    const exec = await cli("exec", "-w", "/wd7", "lexec", "pwd");
    expect(exec.code).not.toBe(0);
    expect(exec.stdout).not.toMatch(/^\//);
    await cli("rm", "-f", "links", "lexec");
    await cli("rmi", "links:wd");
  });

  test("hardening 69: exactly Docker's 14 capabilities, inheritable and ambient sets empty, by run and exec", async () => {
    await cli("run", "-d", "--name", "caps", "busybox", "sleep", "60");
    for (const [user, held] of [
      ["root", dockerCapabilities],
      ["app", none],
    ] as const) {
      const runs = (await inside(status, "-u", user)).stdout;
      const execs = (await cli("exec", "-u", user, "caps", "sh", "-c", status)).stdout;
      for (const found of [fields(runs), fields(execs)]) {
        expect(found).toMatchObject({
          CapInh: none,
          CapPrm: held,
          CapEff: held,
          CapBnd: dockerCapabilities,
          CapAmb: none,
          Seccomp: "2",
        });
      }
    }
    await cli("rm", "-f", "caps");
  });

  test("hardening 70: no-new-privileges and --cap-drop ALL leave nothing to gain", async () => {
    expect(fields((await inside(status, "--security-opt", "no-new-privileges")).stdout).NoNewPrivs).toBe("1");
    const dropped = fields((await inside(status, "--cap-drop", "ALL")).stdout);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) expect(dropped[set]).toBe(none);
    const gained = await inside(
      "cp /bin/busybox /tmp/id && chmod 4755 /tmp/id && ls -l /tmp/id | cut -c1-10",
      "--security-opt",
      "no-new-privileges",
    );
    expect(gained.stdout.trim()).toBe("-rwsr-xr-x");
  });

  test("hardening 71: supplementary groups are the image's and --group-add's, the primary one among them", async () => {
    const { stdout } = await inside("id -G", "-u", "app", "--group-add", "777");
    expect(
      stdout
        .trim()
        .split(" ")
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual([777, 1000, 2000]);
  });

  test.if(process.arch === "x64")(
    "hardening 72: the default filter refuses every listed call",
    async () => {
      const results = await syscalls([], ...Object.entries(forbidden).map(([name, number]) => `${name}=${number}`));
      expect(Object.entries(results).filter(([, errno]) => errno !== eperm && errno !== enosys)).toEqual([]);
      expect(Object.keys(results)).toEqual(Object.keys(forbidden));
      const free = ["keyctl", "add_key", "io_uring_setup", "get_mempolicy", "userfaultfd"];
      const calls = free.map((name) => `${name}=${forbidden[name]},${name === "userfaultfd" ? 1 : 0}`);
      const open = await syscalls(["--security-opt", "seccomp=unconfined"], ...calls, "unshare=272,0x10000000");
      for (const [name, errno] of Object.entries(open)) expect([name, errno]).not.toEqual([name, eperm]);
    },
    60_000,
  );

  test.if(process.arch === "x64")(
    "hardening 73: clone3, namespaces, personalities and socket families",
    async () => {
      const clones = Object.entries(cloneFlags).map(([flag, bit]) => `${flag}=56,${bit | 17}`);
      const results = await syscalls([], "clone3=435,0,0", ...clones, "odd=135,0x1234", "linux32=135,0x8", "back=135,0x0",
      "inet=41,2,1,0", "alg=41,38,5,0", "vsock=41,40,1,0"); // biome-ignore format: one call a line hides the list
      expect(results.clone3).toBe(enosys);
      for (const name of [...Object.keys(cloneFlags), "odd", "alg", "vsock"])
        expect([name, results[name]]).toEqual([name, eperm]);
      for (const name of ["linux32", "back", "inet"]) expect([name, results[name]]).toEqual([name, 0]);
    },
    60_000,
  );

  test("hardening 75: the filter stands for run, exec and health checks", async () => {
    const seccomp = "grep Seccomp: /proc/self/status";
    await cli(
      "run",
      "-d",
      "--name",
      "sec",
      "--health-cmd",
      seccomp,
      "--health-interval",
      "200ms",
      "busybox",
      "sleep",
      "60",
    );
    expect((await cli("exec", "sec", "sh", "-c", seccomp)).stdout).toMatch(/\t2\n$/);
    const log = () => cli("inspect", "-f", "{{range .State.Health.Log}}{{.Output}}{{end}}", "sec");
    await until("a health check", async () => (await log()).stdout.includes("Seccomp"));
    expect((await log()).stdout).toMatch(/^(Seccomp:\t2\n)+\n?$/);
    await cli("rm", "-f", "sec");
  });

  test("hardening 76: masked paths are empty or cannot be read", async () => {
    const paths =
      "/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi " +
      "/proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware";
    const line = `for p in ${paths}; do [ -d $p ] && ls $p || { [ -e $p ] && head -c 9 $p; }; done 2>/dev/null; true`;
    expect((await inside(line)).stdout).toBe("");
    expect((await inside("head -c 4 /proc/timer_list | wc -c", "--privileged")).stdout.trim()).toBe("4");
  });

  test("hardening 77: read-only paths refuse every write", async () => {
    const line =
      "for p in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/profiling /sys/fs/cgroup/*/x; do " +
      "(echo x > $p) 2>/dev/null && echo WROTE $p; done; for d in bus fs irq sys; do [ ! -e /proc/$d ] || " +
      'grep -qE " /proc/$d proc ro" /proc/mounts || echo RW /proc/$d; done; true';
    expect((await inside(line)).stdout).toBe("");
  });

  test("hardening 78, 49: links for /dev, /etc/hosts and /proc in an image lead nowhere", async () => {
    const core = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
    const links =
      "rm -rf /etc/mtab; ln -sf /tmp/outside-hosts /etc/hosts2; ln -s /proc/sys/kernel/core_pattern /var/null; echo made";
    await cli("run", "--name", "devlinks", "busybox", "sh", "-c", links);
    await cli("commit", "devlinks", "devlinks:1");
    const { stdout } = await cli(
      "run",
      "--rm",
      "-t",
      "devlinks:1",
      "sh",
      "-c",
      "echo pwn > /dev/null; mount | grep ' /dev '; (echo x > /var/null) 2>&1",
    );
    expect(stdout).toContain("tmpfs on /dev type tmpfs");
    expect(stdout).toContain("Read-only file system");
    expect(readFileSync("/proc/sys/kernel/core_pattern", "utf8")).toBe(core);
    await cli("rm", "devlinks");
    await cli("rmi", "devlinks:1");
  });

  test("hardening 81: only descriptors 0, 1 and 2 are open in a container, by run and by exec", async () => {
    await cli("run", "-d", "--name", "fds", "busybox", "sleep", "60");
    for (const { stdout } of [
      await inside("ls /proc/self/fd/ | wc -l; ls /proc/1/fd; true"),
      await cli("exec", "fds", "sh", "-c", "ls /proc/self/fd/ | wc -l; ls /proc/1/fd; true"),
    ]) {
      // `ls` itself holds the directory that it lists.
      expect(stdout.trim().split("\n")).toEqual(["4", "0", "1", "2"]);
    }
    await cli("rm", "-f", "fds");
  });

  test("hardening 82: a shell that is /proc/self/exe changes no binary of the engine's or the runtime's", async () => {
    const binaries = [dhowBinary, "/usr/bin/crun", "/usr/sbin/runc", "/usr/bin/runc"].filter(existsSync);
    const sums = () => binaries.map((path) => createHash("sha256").update(readFileSync(path)).digest("hex"));
    const before = sums();
    await cli("run", "-d", "--name", "exe", "busybox", "sleep", "60");
    await cli(
      "exec",
      "exe",
      "sh",
      "-c",
      "cp /bin/busybox /bin/bb; rm /bin/true; printf '#!/proc/self/exe\\n' > /bin/true; chmod +x /bin/true",
    );
    const attack = cli("exec", "exe", "/bin/true");
    await cli(
      "exec",
      "exe",
      "/bin/bb",
      "sh",
      "-c",
      "for p in /proc/[0-9]*; do (echo x >> $p/exe) 2>/dev/null; done; true",
    );
    await attack;
    expect(sums()).toEqual(before);
    await cli("rm", "-f", "exe");
  });

  test("hardening 84: no abstract sockets, and the host's network shows no engine", async () => {
    const sockets = readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .filter((line) => line.includes("@") && line.includes("dhow"));
    expect(sockets).toEqual([]);
    const { stdout } = await inside("cat /proc/net/unix", "--network", "host");
    expect(stdout.split("\n").filter((line) => /@.*(dhow|supervisor|netd)/.test(line))).toEqual([]);
  });

  test("hardening 90: only sysctls of the container's own namespaces are taken", async () => {
    for (const sysctl of [
      "kernel.core_pattern=x",
      "kernel.shm_rmid_forced\n=1",
      "net.ipv4.ip_forward=1\nkernel.core_pattern=x",
      "vm.swappiness=1",
      "net/../kernel/core_pattern=x",
      "kernel/core_pattern=x",
    ]) {
      expect((await cli("run", "--rm", "--sysctl", sysctl, "busybox", "true")).code).toBe(125);
    }
    expect(
      (await cli("run", "--rm", "--network", "host", "--sysctl", "net.ipv4.ip_forward=1", "busybox", "true")).code,
    ).toBe(125);
    expect(
      (
        await inside(
          "cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
          "--sysctl",
          "net.ipv4.ip_unprivileged_port_start=99",
        )
      ).stdout,
    ).toBe("99\n");
  });

  test("hardening 93: --privileged has everything, and the next container nothing of it", async () => {
    const everything = fields((await inside(status, "--privileged")).stdout);
    expect([everything.Seccomp, BigInt(`0x${everything.CapEff}`) > BigInt(`0x${dockerCapabilities}`)]).toEqual([
      "0",
      true,
    ]);
    expect(Number((await inside("ls /dev | wc -l", "--privileged")).stdout)).toBeGreaterThan(15);
    expect(fields((await inside(status)).stdout)).toMatchObject({ Seccomp: "2", CapEff: dockerCapabilities });
    expect(Number((await inside("ls /dev | wc -l")).stdout)).toBeLessThan(17);
  });
});

test("hardening 85: the engine's directories are closed to others, its socket to all but its group", () => {
  const mode = (path: string): number => lstatSync(path).mode & 0o777;
  for (const dir of [daemon().dataRoot, daemon().execRoot]) expect(mode(dir) & 0o067).toBe(0);
  expect(mode(daemon().socket)).toBe(0o660);
  expect(mode(`${daemon().execRoot}/supervisor.sock`) & 0o077).toBe(0);
});
