import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceRequest } from "../../api/host-config.ts";
import type { OciSpec } from "../spec/oci.ts";
import { applyCdiEdits } from "./apply.ts";
import { CdiRegistry } from "./registry.ts";
import { cdiNames } from "./requests.ts";

const root = mkdtempSync(join(tmpdir(), "dhow-cdi-"));
afterAll(() => rmSync(root, { recursive: true }));

function directory(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(root, name);
  mkdirSync(path);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  return path;
}

const json = (kind: string, device: string, env: string) =>
  JSON.stringify({ cdiVersion: "0.6.0", kind, devices: [{ name: device, containerEdits: { env: [env] } }] });

test("CdiRegistry reads JSON and YAML, leaves out what is neither, and lets a later directory win", () => {
  const said: string[] = [];
  const low = directory("low", {
    "a.json": json("acme.com/thing", "one", "FROM=low"),
    "b.yaml": [
      "cdiVersion: 0.5.0",
      "kind: acme.com/net",
      "containerEdits: {env: ['ALL=1']}",
      "devices:",
      "- name: n0",
      "  containerEdits:",
      "    deviceNodes:",
      "    - path: /dev/x",
      "      hostPath: /dev/null",
      "      fileMode: 0640",
    ].join("\n"),
    "broken.json": "{",
    "lie.json": JSON.stringify({ cdiVersion: "0.6.0", kind: "no-class", devices: [] }),
    "readme.txt": "no specification",
  });
  const high = directory("high", { "a.json": json("acme.com/thing", "one", "FROM=high") });
  const registry = new CdiRegistry([low, join(root, "absent"), high], (message) => said.push(message));
  expect(registry.names()).toEqual(["acme.com/net=n0", "acme.com/thing=one"]);
  expect(said).toEqual([
    expect.stringContaining("broken.json"),
    expect.stringContaining("lie.json is left out: kind: "),
  ]);
  expect(registry.resolve(["acme.com/thing=one", "acme.com/net=n0"])).toEqual([
    {},
    { env: ["FROM=high"] },
    { env: ["ALL=1"] },
    { deviceNodes: [{ path: "/dev/x", hostPath: "/dev/null", fileMode: 0o640 }] },
  ]);
  expect(() => registry.resolve(["acme.com/thing=one", "acme.com/a=b", "x.y/z=1"])).toThrow(
    "CDI device injection failed: unresolvable CDI devices acme.com/a=b, x.y/z=1",
  );
});

test("CdiRegistry gives nobody a name that two files of one directory claim", () => {
  const path = directory("contested", {
    "a.json": json("acme.com/thing", "one", "A=1"),
    "b.json": json("acme.com/thing", "one", "A=2"),
  });
  expect(new CdiRegistry([path], () => {}).names()).toEqual([]);
});

test("cdiNames() names GPUs as NVIDIA's specification does, and refuses what no driver gives", () => {
  const gpu = { Driver: "", Count: 0, DeviceIDs: null, Capabilities: [["gpu"]], Options: {} };
  const known = ["acme.com/a=b", "nvidia.com/gpu=0", "nvidia.com/gpu=1", "nvidia.com/gpu=all"];
  const names = (request: Partial<DeviceRequest>, from = known) => cdiNames([{ ...gpu, ...request }], () => from);
  expect(names({ Count: -1 })).toEqual(["nvidia.com/gpu=all"]);
  expect(names({ Count: -1 }, ["nvidia.com/gpu=0"])).toEqual(["nvidia.com/gpu=0"]);
  expect(names({ Count: 2 })).toEqual(["nvidia.com/gpu=0", "nvidia.com/gpu=1"]);
  expect(names({ DeviceIDs: ["1"], Driver: "nvidia" })).toEqual(["nvidia.com/gpu=1"]);
  expect(names({ Driver: "cdi", DeviceIDs: ["acme.com/a=b"], Capabilities: [] })).toEqual(["acme.com/a=b"]);
  expect(() => names({ Count: -1 }, [])).toThrow('could not select device driver "" with capabilities: [[gpu]]');
  expect(() => names({ Count: 1, Driver: "amd" })).toThrow('could not select device driver "amd"');
  expect(() => names({ Capabilities: [["tpu"]] })).toThrow("capabilities: [[tpu]]");
  expect(() => names({ Count: 1, DeviceIDs: ["0"] })).toThrow("cannot set both Count and DeviceIDs");
});

const bare: OciSpec = {
  ociVersion: "1.0.2",
  process: {
    terminal: false,
    user: { uid: 7, gid: 7, additionalGids: [7] },
    args: ["true"],
    env: ["A=1", "B=2"],
    cwd: "/",
    capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
    noNewPrivileges: false,
  },
  root: { path: "/", readonly: false },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/opt/x", type: "bind", source: "/old" },
    { destination: "/lib/y/z", type: "bind", source: "/deep" },
  ],
  linux: {
    namespaces: [],
    devices: [],
    cgroupsPath: "/x",
    resources: { devices: [{ allow: false, access: "rwm" }] },
    maskedPaths: [],
    readonlyPaths: [],
  },
};

test("applyCdiEdits() sets variables, nodes with their rules, mounts, hooks and groups", () => {
  const spec = applyCdiEdits(bare, [
    {
      env: ["A=9", "C=3"],
      additionalGids: [44],
      deviceNodes: [
        { path: "/dev/mine", hostPath: "/dev/null", permissions: "r", gid: 5 },
        { path: "/dev/made", type: "b", major: 8, minor: 1, uid: 0 },
      ],
      mounts: [
        { hostPath: "/new", containerPath: "/opt/x", options: ["ro", "bind"] },
        { hostPath: "/up", containerPath: "/lib/y" },
      ],
      hooks: [{ hookName: "createContainer", path: "/bin/hook", args: ["hook", "now"] }],
    },
  ]);
  expect(spec.process.env).toEqual(["A=9", "B=2", "C=3"]);
  expect(spec.process.user.additionalGids).toEqual([7, 44]);
  expect(spec.linux.devices).toEqual([
    { type: "c", path: "/dev/mine", major: 1, minor: 3, fileMode: 0o666, uid: 7, gid: 5 },
    { type: "b", path: "/dev/made", major: 8, minor: 1, fileMode: 0o666, uid: 0, gid: 0 },
  ]);
  expect(spec.linux.resources.devices.slice(1)).toEqual([
    { allow: true, type: "c", major: 1, minor: 3, access: "r" },
    { allow: true, type: "b", major: 8, minor: 1, access: "rwm" },
  ]);
  expect(spec.mounts.map(({ destination, source }) => `${source}:${destination}`)).toEqual([
    "proc:/proc",
    "/up:/lib/y",
    "/deep:/lib/y/z",
    "/new:/opt/x",
  ]);
  expect(spec.hooks).toEqual({ createContainer: [{ path: "/bin/hook", args: ["hook", "now"] }] });
  expect(() => applyCdiEdits(bare, [{ deviceNodes: [{ path: "/dev/no-such" }] }])).toThrow("injection failed");
  expect(() => applyCdiEdits(bare, [{ deviceNodes: [{ path: "/dev/null", type: "b" }] }])).toThrow("of type b");
});
