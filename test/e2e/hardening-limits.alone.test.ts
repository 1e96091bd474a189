/** Hardening, row 88: a limit that was asked for is what the container finds inside, and what the host is protected by. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { run, until } from "../harness/command.ts";
import { clients } from "../harness/daemon.ts";
import { withDaemon } from "./fixture.ts";

const daemon = withDaemon();
const v2 = existsSync("/sys/fs/cgroup/cgroup.controllers");

/** The first block device of this host whose node exists: path and `major:minor`. */
function blockDevice(): { path: string; number: string } | undefined {
  for (const line of readFileSync("/proc/partitions", "utf8").split("\n").slice(2)) {
    const [major, minor, , name] = line.trim().split(/\s+/);
    if (existsSync(`/dev/${name}`)) return { path: `/dev/${name}`, number: `${major}:${minor}` };
  }
  return undefined;
}
const disk = blockDevice();
const throttles = existsSync("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device") || v2;

describe.each([...clients])("%s", (client) => {
  const cli = (...args: string[]) => daemon().run(client, ...args);
  const inside = async (line: string, ...flags: string[]) => {
    const { stdout, stderr } = await cli("run", "--rm", ...flags, "busybox", "sh", "-c", line);
    return stderr + stdout.trim();
  };
  const cgroup = (v1File: string, v2File: string) => `cat /sys/fs/cgroup/${v2 ? v2File : v1File}`;

  test("hardening 88: a fork bomb stays under --pids-limit, the host forks on, and stop keeps its time", async () => {
    const current = async () => {
      const path = "/containers/bomb/stats?stream=0&one-shot=1";
      const { body } = await daemon().api<{ pids_stats: { current: number; limit: number } }>("GET", path);
      expect(body.pids_stats.limit).toBe(100);
      return body.pids_stats.current;
    };
    await cli("run", "-d", "--name", "bomb", "--pids-limit", "100", "busybox", "sleep", "600");
    for (const bomb of ["b() { b | b & }; b; sleep 1", "while :; do sleep 600 & done"])
      await cli("exec", "-d", "bomb", "sh", "-c", bomb);
    await until("the bomb to fill the limit", async () => (await current()) >= 99);
    for (let n = 0; n < 20; n++) {
      expect((await run(["/bin/true"])).code).toBe(0);
      // A fork that is refused is counted until it has been refused.
      await until("the count within the limit", async () => (await current()) <= 100);
    }
    const from = performance.now();
    expect((await cli("stop", "-t", "1", "bomb")).code).toBe(0);
    expect(performance.now() - from).toBeLessThan(8000);
    await cli("rm", "-f", "bomb");
  });

  test("hardening 88: cpu, cpuset, pids and memory limits are read back inside", async () => {
    const cpu = cgroup("cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us", "cpu.max");
    expect((await inside(cpu, "--cpus", "0.5")).split(/\s+/)).toEqual(["50000", "100000"]);
    const allowed = await inside("grep Cpus_allowed_list /proc/self/status", "--cpuset-cpus", "0");
    expect(allowed).toBe("Cpus_allowed_list:\t0");
    expect(await inside(cgroup("pids/pids.max", "pids.max"), "--pids-limit", "77")).toBe("77");
    expect(await inside(cgroup("memory/memory.limit_in_bytes", "memory.max"), "-m", "64m")).toBe(String(64 << 20));
  });

  test("hardening 88: ulimits and the size of /dev/shm are read back inside", async () => {
    const ulimits = ["--ulimit", "nofile=123:456", "--ulimit", "core=0", "--ulimit", "nproc=99"];
    expect(await inside("ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -u", ...ulimits)).toBe("123\n456\n0\n99");
    const shm = await inside("df -k /dev/shm | tail -1; dd if=/dev/zero of=/dev/shm/x bs=1M 2>&1", "--shm-size", "12m");
    expect(shm).toMatch(/^shm\s+12288 /);
    expect(shm).toContain("No space left on device");
  });

  test.if(disk !== undefined && throttles)("hardening 88: block I/O limits are read back inside", async () => {
    const flags = ["--device-write-bps", `${disk?.path}:1mb`, "--device-read-iops", `${disk?.path}:77`];
    const directory = "blkio/blkio.throttle";
    const both = cgroup(`${directory}.write_bps_device /sys/fs/cgroup/${directory}.read_iops_device`, "io.max");
    const found = await inside(both, ...flags);
    expect(found).toContain(String(disk?.number));
    expect(found).toContain("1048576");
    expect(found).toContain("77");
  });

  test("hardening 88: a weight that this kernel does not know is discarded with a warning, never silently", async () => {
    const files = ["/sys/fs/cgroup/blkio/blkio.weight", "/sys/fs/cgroup/blkio/blkio.bfq.weight"];
    const { code, stderr } = await cli("run", "--rm", "--blkio-weight", "300", "busybox", "true");
    expect([code, stderr.includes("Weight discarded")]).toEqual([0, !(v2 || files.some(existsSync))]);
  });
});

test("hardening 88: --cpus 0.5 gives 45 to 55 percent of a processor over 10 s to a program that wants two", async () => {
  await daemon().dhow(
    "run",
    "-d",
    "--name",
    "burn",
    "--cpus",
    "0.5",
    "busybox",
    "sh",
    "-c",
    "yes >/dev/null & yes >/dev/null",
  );
  const used = async () => {
    const { body } = await daemon().api<{ cpu_stats: { cpu_usage: { total_usage: number } } }>(
      "GET",
      "/containers/burn/stats?stream=0&one-shot=1",
    );
    return { at: performance.now() * 1e6, ns: body.cpu_stats.cpu_usage.total_usage };
  };
  await Bun.sleep(500);
  const first = await used();
  await Bun.sleep(10_000);
  const last = await used();
  const share = (last.ns - first.ns) / (last.at - first.at);
  await daemon().dhow("rm", "-f", "burn");
  expect(share).toBeGreaterThan(0.45);
  expect(share).toBeLessThan(0.55);
}, 60_000);
