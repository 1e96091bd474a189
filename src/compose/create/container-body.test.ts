import { expect, test } from "bun:test";
import { labels } from "../labels.ts";
import type { Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";
import { createBody, dependsOnLabel } from "./container-body.ts";
import { References } from "./references.ts";

const project: Project = {
  name: "p",
  services: {},
  networks: { default: { name: "p_default" }, back: { name: "p_back" } },
  volumes: { data: { name: "p_data" } },
  secrets: { s: { file: "/p/s.txt" }, e: { environment: "E" } },
  configs: {},
  models: {},
  workingDir: "/p",
  composeFiles: ["/p/compose.yaml"],
  environment: { E: "text" },
  disabledServices: {},
  profiles: [],
};

const references = new References(new Map([["db", [{ id: "d1", name: "own-name", number: 1 }]]]), "p");
const options = { name: "p-web-1", number: 1, configHash: "hash", imageId: "sha256:1", carried: [] };
const body = (more: Partial<Service>, carried: Parameters<typeof createBody>[3]["carried"] = []) =>
  createBody(project, { name: "web", image: "busybox", command: null, entrypoint: null, ...more }, references, {
    ...options,
    carried,
  });

test("createBody() joins all networks at once, the one of the highest priority first", () => {
  const { HostConfig, NetworkingConfig } = body({
    networks: { default: { aliases: ["www"] }, back: { priority: 5, ipv4_address: "10.0.0.7" } },
    mac_address: "02:00:00:00:00:01",
  });
  expect(HostConfig.NetworkMode).toBe("p_back");
  expect(NetworkingConfig.EndpointsConfig).toEqual({
    p_back: { Aliases: ["p-web-1", "web"], IPAMConfig: { IPv4Address: "10.0.0.7" }, MacAddress: "02:00:00:00:00:01" },
    p_default: { Aliases: ["p-web-1", "web", "www"] },
  });
});

test("createBody() says binds in the old form, and as mounts what that cannot say", () => {
  const { HostConfig } = body({
    volumes: [
      { type: "bind", source: "/here", target: "/a", read_only: true, bind: { create_host_path: true, selinux: "z" } },
      { type: "bind", source: "/must", target: "/b", bind: {} },
      { type: "volume", source: "data", target: "/c", volume: { nocopy: true } },
      { type: "volume", target: "/d" },
      { type: "tmpfs", target: "/e", tmpfs: { size: 100, mode: 0o700 } },
    ],
    secrets: [{ source: "s" }, { source: "e" }],
  });
  expect(HostConfig.Binds).toEqual(["/here:/a:ro,z", "p_data:/c:rw,nocopy"]);
  expect(HostConfig.Mounts).toEqual([
    { Type: "bind", Source: "/must", Target: "/b", BindOptions: {} },
    { Type: "volume", Source: "", Target: "/d", VolumeOptions: {} },
    { Type: "tmpfs", Source: "", Target: "/e", TmpfsOptions: { SizeBytes: 100, Mode: 0o700 } },
    { Type: "bind", Source: "/p/s.txt", Target: "/run/secrets/s", ReadOnly: true },
  ]);
});

test("createBody() carries anonymous volumes over, those of the image too", () => {
  const mount = { Type: "volume", Source: "", Mode: "", RW: true, Propagation: "" };
  const hex = (digit: string): string => digit.repeat(64);
  const carried = [
    { ...mount, Name: hex("1"), Destination: "/d" },
    { ...mount, Name: hex("2"), Destination: "/of-the-image" },
    { ...mount, Name: "named", Destination: "/x" },
  ];
  const { HostConfig } = body({ volumes: [{ type: "volume", target: "/d/" }] }, carried);
  expect(HostConfig.Mounts).toEqual([
    { Type: "volume", Source: hex("1"), Target: "/d/", VolumeOptions: {} },
    { Type: "volume", Source: hex("2"), Target: "/of-the-image" },
  ]);
});

test("createBody() points at the containers of other services", () => {
  const { HostConfig } = body({
    network_mode: "service:db",
    pid: "service:db",
    volumes_from: ["db:ro", "container:x"],
    links: ["db:database"],
  });
  expect(HostConfig).toMatchObject({
    NetworkMode: "container:d1",
    PidMode: "container:d1",
    VolumesFrom: ["d1:ro", "x"],
    Links: ["own-name:database", "own-name:db-1", "own-name:p-db-1"],
  });
  expect(() => body({ ipc: "service:none" })).toThrow('no container found for service "none"');
});

test("createBody() lets deploy's limits and restart policy win, and keeps a user's labels off ours", () => {
  const { HostConfig, Labels } = body({
    mem_limit: 1,
    cpus: 9,
    restart: "always",
    labels: { mine: "x", [labels.project]: "other" },
    deploy: {
      resources: { limits: { memory: 64, cpus: 0.5 } },
      restart_policy: { condition: "on-failure", max_attempts: 3 },
    },
    gpus: [{}],
  });
  expect(HostConfig).toMatchObject({
    Memory: 64,
    NanoCpus: 5e8,
    RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
  });
  expect(HostConfig.DeviceRequests).toEqual([
    { Driver: "", Count: -1, DeviceIDs: null, Capabilities: [["gpu"]], Options: {} },
  ]);
  expect(Labels).toMatchObject({
    mine: "x",
    [labels.project]: "p",
    [labels.configHash]: "hash",
    [labels.dependsOn]: "",
  });
});

test("dependsOnLabel() names the condition and whether the service follows a restart, by name", () => {
  const depends_on = {
    z: { condition: "service_started", required: true },
    a: { condition: "service_healthy", restart: true, required: true },
  } as const;
  expect(dependsOnLabel({ name: "w", command: null, entrypoint: null, depends_on })).toBe(
    "a:service_healthy:true,z:service_started:false",
  );
});
