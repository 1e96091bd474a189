import { expect, test } from "bun:test";
import { allCapabilities } from "../capabilities.ts";
import type { HostFacts } from "../host-facts.ts";
import type { SpecDefaults, SpecHostConfig } from "./input.ts";
import { validateHostConfig } from "./validate.ts";

const host: HostFacts = {
  arch: "x64",
  kernel: [6, 1],
  cgroupVersion: 2,
  controllers: new Set(["cpu", "cpuset", "memory", "pids", "io"]),
  swapLimit: true,
  cpus: 2,
  memoryNodes: 1,
  memory: 2 ** 32,
  apparmor: false,
  selinux: false,
  seccomp: true,
  capabilities: allCapabilities,
  recursiveReadOnly: true,
  thermalThrottle: [],
  blkioWeight: true,
  hardLimits: { RLIMIT_NOFILE: 4096 },
  mayRaiseLimits: false,
};
const defaults: SpecDefaults = {
  cgroupParent: "/dhow",
  shmSize: 67108864,
  ipcMode: "private",
  cgroupnsMode: "private",
  init: false,
  initPath: "/usr/bin/tini-static",
  noNewPrivileges: false,
  ulimits: {},
};
const validate = (hostConfig: SpecHostConfig, config = {}, facts = host) =>
  validateHostConfig(config, hostConfig, facts, defaults);

test.each([
  [{ Memory: 4096 }, "Minimum memory limit allowed is 6MB"],
  [{ Memory: -1 }, "Minimum memory limit allowed is 6MB"],
  [{ MemoryReservation: -1 }, "Minimum memory reservation allowed is 6MB"],
  [{ CpuShares: 262_145 }, "the maximum allowed cpu-shares is 262144"],
  [{ Memory: 8e6, MemorySwap: 7e6 }, "Minimum memoryswap limit should be larger than memory limit"],
  [{ MemorySwap: 7e6 }, "You should always set the Memory limit when using Memoryswap limit"],
  [{ MemorySwappiness: 101 }, "valid memory swappiness range is 0-100"],
  [{ NanoCpus: 1, CpuQuota: 1000 }, "Nano CPUs and CPU Quota cannot both be set"],
  [{ NanoCpus: 3e9 }, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
  [{ CpusetCpus: "7" }, "Requested CPUs are not available - requested 7, available: 0-1"],
  [{ CpusetMems: "9" }, "Requested memory nodes are not available - requested 9, available: 0"],
  [{ CpusetCpus: "a" }, "Invalid value a for cpuset cpus"],
  [{ CpuPeriod: 10 }, "CPU cfs period can not be less than 1ms"],
  [{ OomScoreAdj: 1001 }, "range for oom score adj is [-1000, 1000]"],
  [{ BlkioWeight: 5 }, "Range of blkio weight is from 10 to 1000"],
  [{ ShmSize: -1 }, "SHM size can not be less than 0"],
  [{ CapAdd: ["NOPE"] }, 'invalid CapAdd: unknown capability: "CAP_NOPE"'],
  [{ SecurityOpt: ["zz"] }, 'invalid --security-opt 1: "zz"'],
  [{ SecurityOpt: ["zz=1"] }, 'invalid --security-opt 2: "zz=1"'],
  [{ DeviceCgroupRules: ["x"] }, "invalid device cgroup rule format: 'x'"],
  [{ Ulimits: [{ Name: "zz", Soft: 1, Hard: 1 }] }, "invalid ulimit type: zz"],
  [{ Ulimits: [{ Name: "nofile", Soft: 2, Hard: 1 }] }, "soft limit must be less than or equal to hard limit: 2 > 1"],
  [{ PidMode: "zz" }, "invalid PID mode: zz"],
  [{ IpcMode: "zz" }, "invalid IPC mode: zz"],
  [{ UTSMode: "container:x" }, "invalid UTS mode: container:x"],
  [{ Annotations: { "run.oci.hooks.stdout": "x" } }, "the engine's own"],
] as [SpecHostConfig, string][])("validateHostConfig() refuses %j", (hostConfig, message) => {
  expect(() => validate(hostConfig)).toThrow(message);
});

test.each([
  ["kernel.core_pattern", "|/bin/evil", {}, "is not in a separate kernel namespace"],
  ["kernel/core_pattern", "|/bin/evil", {}, "is not in a separate kernel namespace"],
  ["kernel.msgmax", "1\nkernel.core_pattern=x", {}, "malformed"],
  ["kernel.msgmax=1\nkernel.core_pattern", "x", {}, "malformed"],
  [
    "net.ipv4.ip_forward",
    "1",
    { NetworkMode: "host" },
    'sysctl "net.ipv4.ip_forward" not allowed in host network namespace',
  ],
  ["kernel.msgmax", "1", { IpcMode: "host" }, "not allowed in host ipc namespace"],
  ["net/../kernel/core_pattern", "x", {}, "malformed"],
  ["net..ipv4", "x", {}, "malformed"],
  ["vm.overcommit_memory", "1", {}, "is not in a separate kernel namespace"],
  ["fs.file-max", "1", {}, "is not in a separate kernel namespace"],
  ["kernel.domainname", "x", { UTSMode: "host" }, "is not in a separate kernel namespace"],
] as [string, string, SpecHostConfig, string][])(
  "validateHostConfig() refuses the sysctl %j = %j",
  (key, value, more, message) => {
    expect(() => validate({ ...more, Sysctls: { [key]: value } })).toThrow(message);
  },
);

test("validateHostConfig() lets namespaced sysctls through", () => {
  const Sysctls = {
    "net.ipv4.conf.eth0/1.forwarding": "1",
    "net.core.somaxconn": "1024",
    "kernel.shm_rmid_forced": "1",
    "fs.mqueue.msg_max": "20",
    "kernel.sem": "250 32000 100 128",
  };
  expect(validate({ Sysctls })).toEqual({ warnings: [], discarded: {} });
});

test.each([
  [{ Env: ["a\0b"] }, "NUL"],
  [{ Env: ["=x"] }, "invalid environment variable: =x"],
  [{ Cmd: ["a\0b"] }, "NUL"],
  [{ WorkingDir: "rel" }, "the working directory 'rel' is invalid, it needs to be an absolute path"],
  [{ Hostname: "a\nb" }, "invalid hostname"],
  [{ Hostname: "a".repeat(65) }, "invalid hostname"],
  [{ Domainname: "a\nb" }, "invalid domain name"],
])("validateHostConfig() refuses the process %j", (config, message) => {
  expect(() => validate({}, config)).toThrow(message);
});

test("validateHostConfig() warns of limits that this host or engine cannot set", () => {
  const Ulimits = [{ Name: "nofile", Soft: 5000, Hard: 5000 }];
  expect(validate({ Ulimits }).warnings).toEqual([
    "ulimit nofile: hard limit 5000 is more than the engine may set; lowered to 4096",
  ]);
  const bare = { ...host, controllers: new Set<string>(), swapLimit: false };
  expect(validate({ Memory: 1e8, PidsLimit: 5 }, {}, bare).warnings.length).toBe(3);
});

test("validateHostConfig() says which limits are as good as not there", () => {
  const bare = { ...host, controllers: new Set(["memory"]), blkioWeight: false };
  const asked = { Memory: 1e8, PidsLimit: 5, BlkioWeight: 500, CpusetCpus: "0", CpuQuota: 20_000 };
  expect(validate(asked, {}, bare).discarded).toEqual({
    PidsLimit: null,
    BlkioWeight: 0,
    CpusetCpus: "",
    NanoCpus: 0,
    CpuQuota: 0,
  });
  expect(validate(asked).discarded).toEqual({});
});
