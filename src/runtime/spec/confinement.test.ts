/**
 * What processes in real containers may and may not do, asked from the inside, under each runtime of this host. Needs root,
 * crun or runc, and a static busybox.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cloneFlags, forbidden } from "../../../test/fixtures/syscalls.ts";
import { ContainerConfig } from "../../api/containers.ts";
import { HostConfig } from "../../api/host-config.ts";
import { parseWire } from "../../api/wire.ts";
import { background } from "../../lib/operation.ts";
import { CdiRegistry } from "../cdi/registry.ts";
import { probeHost } from "../host-facts.ts";
import { findProgram, OciRuntimes } from "../oci-runtime.ts";
import { Bundles } from "./bundle.ts";
import type { OciMount } from "./oci.ts";

const ready = process.getuid?.() === 0 && existsSync("/bin/busybox") && (findProgram("crun") ?? findProgram("runc"));
const base = mkdtempSync(join(tmpdir(), "dhow-confine-"));
const rootfs = join(base, "rootfs");
const host = probeHost();
const op = background();
let runtimes: OciRuntimes;
let bundles: Bundles;
let count = 0;

beforeAll(async () => {
  for (const dir of ["bin", "etc", "proc", "sys", "dev", "tmp", "usr", "lib", "lib64", "bun"]) {
    mkdirSync(join(rootfs, dir), { recursive: true });
  }
  copyFileSync("/bin/busybox", join(rootfs, "bin/busybox"));
  for (const name of "sh cat grep ls id true sleep sysctl mount mkdir echo ulimit env hostname test touch dd stty".split(
    " ",
  )) {
    symlinkSync("busybox", join(rootfs, "bin", name));
  }
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n");
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\napps:x:1001:\nvideo:x:44:app\nextra:x:77:\n");
  if (!ready) return;
  runtimes = await OciRuntimes.discover({
    execRoot: join(base, "exec"),
    configured: {},
    preferred: undefined,
    log: () => {},
  });
  bundles = new Bundles({
    host,
    cdi: new CdiRegistry([], () => {}),
    runtimes,
    seccompDirectory: join(base, "seccomp"),
    seccompProfile: undefined,
    defaults: {
      cgroupParent: `/dhow-confine-${process.pid}`,
      shmSize: 64 * 1024 * 1024,
      ipcMode: "private",
      cgroupnsMode: host.cgroupVersion === 2 ? "private" : "host",
      init: false,
      initPath: "/usr/bin/tini-static",
      noNewPrivileges: false,
      ulimits: {},
    },
  });
});

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
  for (const hierarchy of ["", ...readdirSync("/sys/fs/cgroup")]) {
    const parent = join("/sys/fs/cgroup", hierarchy, `dhow-confine-${process.pid}`);
    if (existsSync(parent)) rmdirSync(parent);
  }
});

interface Wish {
  readonly config?: object;
  readonly hostConfig?: object;
  readonly mounts?: readonly OciMount[];
  /** Runs this in the container, by exec, while its first process sleeps. */
  readonly exec?: { readonly args: string[]; readonly user?: string };
}

async function run(name: string, args: readonly string[], wish: Wish = {}) {
  const id = `${(count++).toString(16)}${process.pid}`.padEnd(64, "0");
  const config = parseWire(ContainerConfig, { Hostname: "box", Cmd: args, ...wish.config });
  const hostConfig = parseWire(HostConfig, { Runtime: name, ...wish.hostConfig });
  const request = { id, config, hostConfig, rootfs, mounts: wish.mounts ?? [], files: {} };
  const { spec, runtime } = await bundles.make({ ...request, netnsPath: "", joined: {}, shmPath: null }, op);
  const namespaces = spec.linux.namespaces.map((ns) => (ns.type === "network" ? { type: ns.type } : ns));
  const dir = join(base, `bundle-${id.slice(0, 12)}`);
  mkdirSync(dir);
  writeFileSync(join(dir, "config.json"), JSON.stringify({ ...spec, linux: { ...spec.linux, namespaces } }));
  const command = (...rest: string[]) => [runtime.path, "--root", runtime.root, ...rest];
  if (!wish.exec) return spawn(command("run", "--bundle", dir, id));
  await spawn(command("run", "--detach", "--bundle", dir, id));
  const made = await bundles.makeExec(
    {
      ...request,
      args: wish.exec.args,
      env: [],
      user: wish.exec.user ?? "",
      workingDir: "",
      tty: false,
      privileged: false,
    },
    op,
  );
  writeFileSync(join(dir, "process.json"), JSON.stringify(made.process));
  try {
    return await spawn(command("exec", "--process", join(dir, "process.json"), id));
  } finally {
    await spawn(command("delete", "--force", id));
  }
}

async function spawn(command: string[]) {
  const out = join(base, `out-${count++}`);
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: Bun.file(out),
    stderr: Bun.file(`${out}.err`),
    timeout: 20_000,
  });
  const code = await child.exited;
  return { code, stdout: readFileSync(out, "utf8"), stderr: readFileSync(`${out}.err`, "utf8") };
}

const bun = realpathSync(process.execPath);
const probe = fileURLToPath(new URL("../../../test/fixtures/syscall-probe.ts", import.meta.url));
/** Some hosts end a process at `int 0x80`, whatever their kernel was built with. */
const has32BitEntry = process.arch === "x64" && Bun.spawnSync([bun, probe, "x86:getpid=20"]).exitCode === 0;
if (process.arch === "x64" && !has32BitEntry) {
  console.log(
    "hardening 73 is not tested: a system call by int 0x80 ends the process on this host, outside any container too",
  );
}

const bind = (source: string, destination: string): OciMount => ({
  destination,
  source,
  type: "bind",
  options: ["rbind", "ro", "rprivate"],
});

async function syscalls(
  name: string,
  calls: readonly string[],
  hostConfig: object = {},
): Promise<Record<string, number>> {
  const dirs = ["/usr", "/lib", "/lib64"].filter((dir) => existsSync(dir)).map((dir) => bind(realpathSync(dir), dir));
  const mounts = [...dirs, bind(bun, "/bun/bun"), bind(probe, "/bun/probe.ts")];
  const result = await run(name, ["/bun/bun", "/bun/probe.ts", ...calls], { mounts, hostConfig });
  if (result.code !== 0) throw new Error(`probe: ${result.code} ${result.stderr} ${result.stdout}`);
  return JSON.parse(result.stdout) as Record<string, number>;
}

const eperm = 1;
const enosys = 38;

describe.each(["crun", "runc"].filter((name) => ready && findProgram(name)))("%s", (name) => {
  const status = "grep -E '^(Cap|Seccomp:|NoNewPrivs|Groups)' /proc/self/status";
  const shell = (line: string, wish: Wish = {}) => run(name, ["sh", "-c", line], wish);
  const lines = (text: string): Record<string, string> =>
    Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(/:\s*/, 2) as [string, string]),
    );

  test.each([
    ["root by run", {}, "00000000a80425fb", "00000000a80425fb"],
    ["root by exec", { exec: { args: ["sh", "-c", status] } }, "00000000a80425fb", "00000000a80425fb"],
    ["non-root by run", { config: { User: "app" } }, "0000000000000000", "00000000a80425fb"],
    ["non-root by exec", { exec: { args: ["sh", "-c", status], user: "app" } }, "0000000000000000", "00000000a80425fb"],
  ] as [string, Wish, string, string][])(
    "a default container holds Docker's capabilities and filter: %s",
    async (_what, wish, held, bounding) => {
      const { stdout } = wish.exec ? await run(name, ["sleep", "60"], wish) : await shell(status, wish);
      expect(lines(stdout)).toMatchObject({
        CapInh: "0000000000000000",
        CapPrm: held,
        CapEff: held,
        CapBnd: bounding,
        CapAmb: "0000000000000000",
        Seccomp: "2",
        NoNewPrivs: "0",
      });
    },
  );

  test("--cap-drop ALL leaves nothing, --security-opt no-new-privileges sets the bit and keeps the filter", async () => {
    const none = lines((await shell(status, { hostConfig: { CapDrop: ["ALL"] } })).stdout);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) expect(none[set]).toBe("0000000000000000");
    const nnp = lines((await shell(status, { hostConfig: { SecurityOpt: ["no-new-privileges"] } })).stdout);
    expect([nnp.NoNewPrivs, nnp.Seccomp]).toEqual(["1", "2"]);
  });

  test("supplementary groups are the image's and --group-add, the primary one among them", async () => {
    const { stdout } = await shell("id -u; id -g; id -G", {
      config: { User: "app" },
      hostConfig: { GroupAdd: ["extra", "99"] },
    });
    expect(stdout.trim().split("\n").slice(0, 2)).toEqual(["1000", "1001"]);
    expect(
      stdout
        .trim()
        .split("\n")[2]
        ?.split(" ")
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual([44, 77, 99, 1001]);
  });

  test.if(process.arch === "x64")("the default filter refuses every listed call, by the 64-bit entry", async () => {
    const results = await syscalls(
      name,
      Object.entries(forbidden).map(([call, number]) => `${call}=${number}`),
    );
    const passed = Object.entries(results).filter(([, errno]) => errno !== eperm && errno !== enosys);
    expect(passed).toEqual([]);
    expect(Object.keys(results).length).toBe(Object.keys(forbidden).length);
  });

  test.if(process.arch === "x64")(
    "the filter is what refuses: without it the calls that need no capability answer otherwise",
    async () => {
      const calls = ["keyctl", "add_key", "io_uring_setup", "get_mempolicy", "userfaultfd"];
      const results = await syscalls(
        name,
        calls.map((call) => `${call}=${forbidden[call]},${call === "userfaultfd" ? 1 : 0}`),
        {
          SecurityOpt: ["seccomp=unconfined"],
        },
      );
      for (const call of calls) expect([call, results[call]]).not.toEqual([call, eperm]);
    },
  );

  test.if(process.arch === "x64")(
    "clone3 is unknown, namespaces, odd personalities and socket families are refused",
    async () => {
      const clones = Object.entries(cloneFlags).map(([flag, bit]) => `${flag}=56,${bit | 17}`);
      const results = await syscalls(name, [
        "clone3=435,0,0",
        ...clones,
        "persona=135,0xffffffff",
        "linux32=135,0x8",
        "back=135,0x0",
        "norandom=135,0x40000",
        "inet=41,2,1,0",
        "unix=41,1,1,0",
        "netlink=41,16,3,0",
        "alg=41,38,5,0",
        "vsock=41,40,1,0",
        "alg-high=41,0x100000026,5,0",
        "vsock-high=41,0x100000028,1,0",
        "fchmodat2=452,-100,0,0,0",
        "newer=600",
      ]);
      const refused = [...Object.keys(cloneFlags), "norandom", "alg", "vsock", "alg-high", "vsock-high"];
      for (const call of refused) expect([call, results[call]]).toEqual([call, eperm]);
      for (const call of ["persona", "linux32", "back", "inet", "unix", "netlink"])
        expect([call, results[call]]).toEqual([call, 0]);
      expect([results.clone3, results.newer]).toEqual([enosys, enosys]);
      if (name === "crun") expect(results.fchmodat2).toBe(14);
    },
  );

  const refusedAll = (results: Record<string, number>): void => {
    for (const [call, errno] of Object.entries(results)) {
      expect([call, errno === eperm || errno === enosys]).toEqual([call, true]);
    }
  };

  test.if(process.arch === "x64")("hardening 75: the x32 entry is filtered too", async () => {
    refusedAll(await syscalls(name, ["x32:keyctl=0x400000fa", "x32:mount=0x400000a5"]));
  });

  test.if(has32BitEntry)("hardening 73: the 32-bit entry is filtered too", async () => {
    const { "x86:getpid": pid, ...refused } = await syscalls(name, [
      "x86:getpid=20",
      "x86:keyctl=288,0",
      "x86:mount=21,0,0",
      "x86:unshare=310,0x10000000",
      "x86:socket-alg=359,38,5",
      "x86:socketcall-socket=102,1,0",
    ]);
    expect(pid).toBe(0);
    refusedAll(refused);
  });

  test("the filter follows capabilities, a profile of the user's, and unconfined", async () => {
    const admin = await syscalls(name, ["mount=165,0,0,0,0,0", "kcmp=312,1,1,0,0,0"], {
      CapAdd: ["SYS_ADMIN", "SYS_PTRACE"],
    });
    expect(admin.mount).toBe(14); // EFAULT: the kernel itself looked at the arguments
    expect(admin.kcmp).toBe(0);
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 5 }],
    };
    const own = await shell("mkdir /tmp/x", { hostConfig: { SecurityOpt: [`seccomp=${JSON.stringify(profile)}`] } });
    expect(own.stderr).toMatch(/Input\/output error|I\/O error/);
    expect(lines((await shell(status, { hostConfig: { SecurityOpt: ["seccomp=unconfined"] } })).stdout).Seccomp).toBe(
      "0",
    );
    await expect(shell("true", { hostConfig: { SecurityOpt: ["seccomp={"] } })).rejects.toThrow(
      "Decoding seccomp profile failed",
    );
  });

  test("masked paths are empty, read-only paths and /sys cannot be written", async () => {
    const masked = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"].filter((path) =>
      existsSync(path),
    );
    const read = await shell(masked.map((path) => `cat ${path} | head -c 1`).join("; "));
    expect(read.stdout).toBe("");
    const listed = await shell(
      "ls /proc/acpi /proc/scsi /proc/asound /sys/firmware 2>/dev/null | grep -v ':$' | grep .",
    );
    expect(listed.stdout).toBe("");
    const targets = "/proc/sys/kernel/hostname /proc/sysrq-trigger /proc/irq/x /proc/bus/x /sys/kernel/x".split(" ");
    for (const target of targets) {
      const written = await shell(`echo x > ${target}`);
      expect([target, written.code]).not.toEqual([target, 0]);
    }
  });

  test("cgroup hierarchies cannot be written", async () => {
    const dir = host.cgroupVersion === 1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    const { stdout } = await shell(
      `mkdir ${dir}/x && echo made; echo 1 > ${dir}/cgroup.procs && echo moved; ls ${dir} | head -1`,
    );
    expect(stdout).not.toMatch(/made|moved/);
    expect(stdout).not.toBe("");
  });

  test.if(existsSync("/usr/bin/tini-static"))(
    "no-new-privileges: a setuid program gains nothing, without it root",
    async () => {
      copyFileSync("/usr/bin/tini-static", join(rootfs, "bin/suid"));
      chmodSync(join(rootfs, "bin/suid"), 0o4755);
      const wish = { config: { User: "app" } };
      const args = ["/bin/suid", "--", "grep", "-E", "^Uid", "/proc/1/status"];
      expect((await run(name, args, wish)).stdout).toMatch(/^Uid:\s+1000\s+0\s/);
      const bound = await run(name, args, { ...wish, hostConfig: { SecurityOpt: ["no-new-privileges:true"] } });
      expect(bound.stdout).toMatch(/^Uid:\s+1000\s+1000\s/);
    },
  );

  test("a read-only bind is read-only below its submounts, the root too when asked", async () => {
    const source = join(base, `bind-${name}`);
    mkdirSync(join(source, "sub"), { recursive: true });
    Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", join(source, "sub")]);
    try {
      const mount: OciMount = {
        destination: "/tmp/m",
        type: "bind",
        source,
        options: ["rbind", "ro", "rro", "rprivate"],
      };
      const line = "touch /tmp/m/x; touch /tmp/m/sub/x; touch /x; echo done > /dev/shm/y && cat /dev/shm/y";
      const { stdout, stderr } = await shell(line, { mounts: [mount], hostConfig: { ReadonlyRootfs: true } });
      expect(stderr.match(/Read-only file system/g)?.length).toBe(3);
      expect(stdout).toBe("done\n");
    } finally {
      Bun.spawnSync(["umount", join(source, "sub")]);
    }
  });

  test("only descriptors 0-2 reach the process", async () => {
    const { stdout } = await shell("cd /proc/self/fd && echo *");
    expect(stdout.trim().replace(/ 3$/, "")).toBe("0 1 2");
  });

  test("links in the image's /dev lead nowhere: /dev is always a fresh tmpfs", async () => {
    const dev = join(rootfs, "dev");
    for (const link of ["null", "console", "ptmx", "fd"]) {
      if (!lstatSync(join(dev, link), { throwIfNoEntry: false }))
        symlinkSync("/proc/sys/kernel/core_pattern", join(dev, link));
    }
    const before = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
    const { stdout } = await shell("echo evil > /dev/null; grep ' /dev ' /proc/mounts; ls -l /dev/null");
    expect(stdout).toMatch(/tmpfs \/dev tmpfs/);
    expect(stdout).toMatch(/crw-rw-rw-/);
    expect(readFileSync("/proc/sys/kernel/core_pattern", "utf8")).toBe(before);
    for (const link of ["null", "console", "ptmx", "fd"]) rmSync(join(dev, link), { force: true });
  });

  test("limits can be read back from inside", async () => {
    const memory =
      host.cgroupVersion === 1 ? "/sys/fs/cgroup/memory/memory.limit_in_bytes" : "/sys/fs/cgroup/memory.max";
    const pids = host.cgroupVersion === 1 ? "/sys/fs/cgroup/pids/pids.max" : "/sys/fs/cgroup/pids.max";
    const wish = {
      hostConfig: {
        Memory: 64 * 1024 * 1024,
        PidsLimit: 100,
        NanoCpus: 500_000_000,
        CpusetCpus: "0",
        ShmSize: 1024 * 1024,
        Ulimits: [{ Name: "nofile", Soft: 1000, Hard: 2000 }],
      },
    };
    const { stdout, stderr } = await shell(
      `cat ${memory} ${pids}; grep Cpus_allowed_list /proc/self/status; ulimit -n; ulimit -Hn; grep /dev/shm /proc/mounts`,
      wish,
    );
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^67108864\n100\nCpus_allowed_list:\s*0\n1000\n2000\n.*size=1024k/);
    if (host.cgroupVersion === 1) {
      const quota = await shell("cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us", wish);
      expect(quota.stdout.trim()).toBe("50000");
    }
  });

  test("a container over its memory limit is killed", async () => {
    const { code } = await shell("dd if=/dev/zero of=/dev/null bs=200M count=1", {
      hostConfig: { Memory: 16 * 1024 * 1024, MemorySwap: 16 * 1024 * 1024 },
    });
    expect(code).toBe(137);
  });

  test("privileged is all, and the next container has none of it", async () => {
    const all = await shell(
      `${status}; test -w /sys/kernel && echo sysrw; test -e /dev/kmsg && echo kmsg; cat /proc/keys | head -c 1 | grep -q . && echo keys`,
      {
        hostConfig: { Privileged: true },
      },
    );
    expect(all.stderr).toBe("");
    const own = /CapBnd:\s*([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    expect(lines(all.stdout).CapEff).toBe(own);
    expect(all.stdout).toMatch(/Seccomp:\s*0/);
    expect(all.stdout).toMatch(/sysrw\nkmsg/);
    const next = await shell(`${status}; test -e /dev/kmsg && echo kmsg; grep ' /sys ' /proc/mounts`);
    expect(next.stdout).toMatch(/CapEff:\s*00000000a80425fb/);
    expect(next.stdout).not.toContain("kmsg");
    expect(next.stdout).toMatch(/ \/sys sysfs ro,/);
  });

  test("sysctls of the container's own namespaces are set", async () => {
    const { stdout } = await shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax", {
      hostConfig: { Sysctls: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "4242" } },
    });
    expect(stdout).toBe("1\n4242\n");
  });

  test("an init of ours is pid 1 when asked for, and HOSTNAME, HOME and the domain are set", async () => {
    const { stdout } = await shell(
      "cat /proc/1/comm; hostname; echo $HOSTNAME $HOME; cat /proc/sys/kernel/domainname",
      {
        config: { Domainname: "example.org", User: "app" },
        hostConfig: { Init: true },
      },
    );
    expect(stdout).toBe("docker-init\nbox\nbox /home/app\nexample.org\n");
  });

  test("a missing working directory is made; one that leads to descriptors is refused", async () => {
    expect((await shell("pwd", { config: { WorkingDir: "/made/here" } })).stdout).toBe("/made/here\n");
    await expect(shell("pwd", { config: { WorkingDir: "/proc/self/fd/7" } })).rejects.toThrow("is invalid");
  });
});
