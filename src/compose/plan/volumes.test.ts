import { expect, test } from "bun:test";
import type { Volume as EngineVolume } from "../../api/volumes.ts";
import type { ConfigHashes } from "../hashes.ts";
import { labels } from "../labels.ts";
import type { Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";
import type { Observed, ObservedContainer } from "../observe.ts";
import { planText } from "./operation.ts";
import { planUp, type UpOptions } from "./up.ts";
import { changedVolumes } from "./volumes.ts";

const hashes: ConfigHashes = { service: () => "same", network: () => "", volume: ({ driver }) => driver ?? "local" };

const db: Service = {
  name: "db",
  image: "busybox",
  command: null,
  entrypoint: null,
  volumes: [{ type: "volume", source: "data", target: "/d" }],
};
const web: Service = {
  name: "web",
  image: "busybox",
  command: null,
  entrypoint: null,
  depends_on: { db: { condition: "service_started", restart: true, required: true } },
};

const project: Project = {
  name: "p",
  services: { db, web },
  networks: {},
  volumes: { data: { name: "p_data", driver: "other" } },
  secrets: {},
  configs: {},
  models: {},
  workingDir: "/p",
  composeFiles: [],
  environment: {},
  disabledServices: {},
  profiles: [],
};

const mount = { Type: "volume", Name: "p_data", Source: "", Destination: "/d", Mode: "", RW: true, Propagation: "" };

const container = (service: string, more: Partial<ObservedContainer> = {}): ObservedContainer => ({
  id: service.padEnd(64, "0"),
  name: `p-${service}-1`,
  service,
  number: 1,
  oneoff: false,
  state: "running",
  networkIds: [],
  mounts: service === "web" ? [] : [mount as ObservedContainer["mounts"][number]],
  labels: { [labels.configHash]: "same", [labels.image]: "sha256:1" },
  summary: {} as ObservedContainer["summary"],
  ...more,
});

function observed(containers: ObservedContainer[], more: Record<string, string> = {}): Observed {
  const Labels = { [labels.project]: "p", [labels.volume]: "data", [labels.configHash]: "local", ...more };
  const volume = { Name: "p_data", Labels } as unknown as EngineVolume;
  return { containers, networks: new Map(), volumes: new Map([["p_data", volume]]) };
}

const up = (found: Observed, more: Partial<UpOptions> = {}): string[] =>
  planText(
    planUp(project, found, new Map([["busybox", "sha256:1"]]), hashes, {
      services: [],
      recreate: "diverged",
      recreateDependencies: "diverged",
      renewVolumes: false,
      removeOrphans: false,
      ignoreOrphans: true,
      scale: new Map(),
      start: true,
      ...more,
    }),
  )
    .trimEnd()
    .split("\n");

test("changedVolumes() names the project's own volumes whose hash differs, and nobody else's", () => {
  expect(changedVolumes(project, observed([]), hashes)).toEqual(["data"]);
  expect(changedVolumes(project, observed([], { [labels.configHash]: "other" }), hashes)).toEqual([]);
  expect(changedVolumes(project, observed([], { [labels.project]: "q" }), hashes)).toEqual([]);
  const external = { ...project, volumes: { data: { name: "p_data", external: true } } };
  expect(changedVolumes(external, observed([]), hashes)).toEqual([]);
});

test("planUp() leaves a changed volume as it is unless its recreation was agreed to", () => {
  expect(up(observed([container("db"), container("web")]))).toEqual([
    "keep p-db-1 (as it should be)",
    "keep p-web-1 (as it should be)",
  ]);
});

test("planUp() removes a volume's containers before it is made anew, and restarts what follows them", () => {
  const found = observed([container("db"), container("web")]);
  expect(up(found, { recreateVolumes: new Set(["data"]) })).toEqual([
    "stop p-db-1 (volume has changed)",
    "remove p-db-1 (volume has changed) <- stop p-db-1",
    "remove volume p_data (volume has changed) <- remove p-db-1",
    "volume p_data (volume has changed) <- remove volume p_data",
    "create p-db-1 (absent) <- volume p_data, remove p-db-1",
    "stop p-web-1 (db restarts)",
    "start p-db-1 (new) <- create p-db-1",
    "start p-web-1 (stopped for its dependencies) <- stop p-web-1, start p-db-1",
  ]);
});

test("planUp() refuses to recreate a volume that a container of no service at hand uses", () => {
  const recreateVolumes = new Set(["data"]);
  for (const other of [container("gone"), container("db", { oneoff: true, name: "p-db-run" })]) {
    expect(() => up(observed([container("db"), other]), { recreateVolumes })).toThrow(
      `volume "p_data" cannot be recreated: container ${other.name}, which is of none of the services at hand, uses it`,
    );
  }
  const plan = up(observed([container("db"), container("gone")]), { recreateVolumes, removeOrphans: true });
  expect(plan).toContain("remove volume p_data (volume has changed) <- remove p-db-1, remove p-gone-1");
});
