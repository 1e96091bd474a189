import { expect, test } from "bun:test";
import { allCapabilities } from "../capabilities.ts";
import { buildExecProcess, buildSpec, cgroupsPath, mergeEnvironment } from "./build.ts";
import { defaultDeviceRules } from "./defaults.ts";
import type { SpecInput } from "./input.ts";

const input = (over: Partial<SpecInput> = {}): SpecInput => ({
  id: "a".repeat(64),
  config: { Hostname: "box", Cmd: ["true"] },
  hostConfig: {},
  user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" },
  rootfs: "/rootfs",
  mounts: [],
  files: {},
  netnsPath: "/run/netns/x",
  joined: {},
  shmPath: null,
  devices: [],
  deviceRules: defaultDeviceRules,
  blockDevices: {},
  seccomp: { profile: { defaultAction: "SCMP_ACT_ALLOW", architectures: [], syscalls: [] }, bpf: "AAAA" },
  apparmorProfile: null,
  rlimits: [],
  runtime: "crun",
  host: {
    arch: "x64",
    kernel: [6, 1],
    cgroupVersion: 2,
    controllers: new Set(),
    swapLimit: true,
    cpus: 2,
    memoryNodes: 1,
    memory: 0,
    apparmor: false,
    selinux: false,
    seccomp: true,
    capabilities: allCapabilities,
    recursiveReadOnly: true,
    thermalThrottle: [],
    blkioWeight: true,
    hardLimits: {},
    mayRaiseLimits: true,
  },
  defaults: {
    cgroupParent: "/dhow",
    shmSize: 67108864,
    ipcMode: "private",
    cgroupnsMode: "private",
    init: false,
    initPath: "/usr/bin/tini-static",
    noNewPrivileges: false,
    ulimits: {},
  },
  ...over,
});

test("buildSpec() is pure: equal input gives an equal spec", () => {
  expect(buildSpec(input())).toEqual(buildSpec(input()));
});

test("buildSpec() hands crun the compiled filter and runc the rules, and drops annotations that steer crun", () => {
  const hostConfig = { Annotations: { "run.oci.seccomp_bpf_data": "evil", "run.oci.hooks.stdout": "x", note: "kept" } };
  const crun = buildSpec(input({ hostConfig }));
  expect(crun.annotations).toEqual({ note: "kept", "run.oci.seccomp_bpf_data": "AAAA" });
  expect(crun.linux.seccomp).toBeUndefined();
  const runc = buildSpec(input({ hostConfig, runtime: "runc" }));
  expect(runc.annotations).toEqual({ note: "kept" });
  expect(runc.linux.seccomp?.defaultAction).toBe("SCMP_ACT_ALLOW");
  expect(buildSpec(input({ hostConfig, seccomp: null })).annotations).toEqual({ note: "kept" });
});

test("buildSpec() joins, shares or makes namespaces as the modes say", () => {
  const types = (spec: ReturnType<typeof buildSpec>) => spec.linux.namespaces.map((ns) => [ns.type, ns.path]);
  expect(types(buildSpec(input()))).toEqual([
    ["mount", undefined],
    ["network", "/run/netns/x"],
    ["uts", undefined],
    ["pid", undefined],
    ["ipc", undefined],
    ["cgroup", undefined],
  ]);
  const shared = { PidMode: "host", IpcMode: "container:x", UTSMode: "host", CgroupnsMode: "host" };
  const joined = { ipc: "/proc/7/ns/ipc" };
  expect(types(buildSpec(input({ hostConfig: shared, joined, netnsPath: null })))).toEqual([
    ["mount", undefined],
    ["ipc", "/proc/7/ns/ipc"],
  ]);
});

test("buildSpec() writes the sysctls that are asked for, and none of a network, which is made with its own", () => {
  const sysctl = (Sysctls: Record<string, string>) => buildSpec(input({ hostConfig: { Sysctls } })).linux?.sysctl;
  expect(sysctl({})).toEqual({});
  expect(sysctl({ "net.ipv4.ip_forward": "1" })).toEqual({ "net.ipv4.ip_forward": "1" });
});

test("buildSpec() lets a user's mount win over the engine's, one on /dev over all below it, and orders by depth", () => {
  const mounts = ["/data/deep", "/data", "/etc/hosts"].map((destination) => ({ destination, source: "/s" }));
  const files = { hosts: "/h", resolvConf: "/r" };
  const made = buildSpec(input({ mounts, files })).mounts.map((m) => [m.destination, m.source]);
  expect(made.filter(([destination]) => destination === "/etc/hosts")).toEqual([["/etc/hosts", "/s"]]);
  expect(made.slice(-4).map(([destination]) => destination)).toEqual([
    "/data",
    "/etc/resolv.conf",
    "/data/deep",
    "/etc/hosts",
  ]);
  const volume = buildSpec(input({ mounts: [{ destination: "/etc", source: "/s" }], files })).mounts;
  expect(volume.slice(-3).map((m) => m.destination)).toEqual(["/etc", "/etc/resolv.conf", "/etc/hosts"]);
  const readOnly = buildSpec(input({ files, hostConfig: { ReadonlyRootfs: true } })).mounts;
  expect(readOnly.find((m) => m.destination === "/etc/hosts")?.options).toContain("ro");
  const dev = buildSpec(input({ mounts: [{ destination: "/dev", source: "/dev" }] })).mounts;
  expect(dev.filter((m) => m.destination.startsWith("/dev")).map((m) => m.source)).toEqual(["/dev"]);
});

test.each([
  [undefined, "/dhow"],
  ["custom", "/custom"],
  ["/a/b", "/a/b"],
  ["../../x", "/x"],
])("cgroupsPath() under the parent %p is below the root", (CgroupParent, parent) => {
  expect(cgroupsPath(input({ hostConfig: { CgroupParent } }))).toBe(`${parent}/${"a".repeat(64)}`);
});

test("mergeEnvironment() replaces in place, and a bare name removes", () => {
  expect(mergeEnvironment(["A=1", "B=2", "C=3"], ["B=x=y", "A", "D="])).toEqual(["B=x=y", "C=3", "D="]);
});

test("buildSpec() sets limits only where they are asked for", () => {
  expect(buildSpec(input()).linux.resources).toEqual({ devices: defaultDeviceRules });
  const hostConfig = {
    Memory: 1 << 26,
    NanoCpus: 1_500_000_000,
    PidsLimit: -1,
    BlkioDeviceReadBps: [{ Path: "/dev/x", Rate: 9 }],
  };
  expect(buildSpec(input({ hostConfig, blockDevices: { "/dev/x": [8, 1] } })).linux.resources).toEqual({
    devices: defaultDeviceRules,
    memory: { limit: 1 << 26, swap: 1 << 27 },
    cpu: { quota: 150000, period: 100000 },
    blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 1, rate: 9 }] },
  });
});

test("buildExecProcess() gives another user that user's home and no capability but the bounding set", () => {
  const user = { uid: 5, gid: 6, additionalGids: [6], home: "/home/five" };
  const exec = { args: ["id"], env: ["X=1"], user, cwd: "", tty: true, consoleSize: null, privileged: false };
  const made = buildExecProcess(input(), exec);
  expect(made.env).toContain("HOME=/home/five");
  expect(made.env).toContain("TERM=xterm");
  expect([made.capabilities.effective, made.capabilities.inheritable, made.capabilities.bounding.length]).toEqual([
    [],
    [],
    14,
  ]);
  expect(buildExecProcess(input(), { ...exec, privileged: true }).capabilities.bounding).toEqual(allCapabilities);
});
