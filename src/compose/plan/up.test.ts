import { expect, test } from "bun:test";
import type { ContainerStatus } from "../../api/containers.ts";
import type { Network } from "../../api/networks.ts";
import type { Volume } from "../../api/volumes.ts";
import type { ConfigHashes } from "../hashes.ts";
import { labels } from "../labels.ts";
import type { UpdateConfig } from "../model/deploy.ts";
import type { Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";
import type { Observed, ObservedContainer } from "../observe.ts";
import { planDown } from "./down.ts";
import { planText } from "./operation.ts";
import { planUp, type UpOptions } from "./up.ts";
import { planRestart, planStartExisting, planStop } from "./verbs.ts";

/** A service's hash is its image and command here: enough to see what follows from a change. */
const hashes: ConfigHashes = {
  service: ({ image, command, network_mode }) => [image, ...(command ?? []), network_mode].filter(Boolean).join(" "),
  network: ({ driver }) => driver ?? "",
  volume: () => "",
};

const service = (name: string, more: Partial<Service> = {}): Service => ({
  name,
  image: "busybox",
  command: null,
  entrypoint: null,
  networks: { default: null },
  ...more,
});

function project(services: Service[], more: Partial<Project> = {}): Project {
  return {
    name: "p",
    services: Object.fromEntries(services.map((each) => [each.name, each])),
    networks: { default: { name: "p_default" } },
    volumes: {},
    secrets: {},
    configs: {},
    models: {},
    workingDir: "/p",
    composeFiles: ["/p/compose.yaml"],
    environment: {},
    disabledServices: {},
    profiles: [],
    ...more,
  };
}

interface ContainerFacts {
  readonly number?: number;
  readonly state?: ContainerStatus;
  readonly hash?: string;
  readonly image?: string;
  readonly volumes?: readonly string[];
}

function container(name: string, facts: ContainerFacts = {}): ObservedContainer {
  const { number = 1, state = "running", hash = "busybox", image = "sha256:1", volumes = [] } = facts;
  return {
    id: `${name}${number}`.padEnd(64, "0"),
    name: `p-${name}-${number}`,
    service: name,
    number,
    oneoff: false,
    state,
    networkIds: ["net1"],
    mounts: volumes.map((Name) => ({
      Type: "volume",
      Name,
      Source: "",
      Destination: "/d",
      Mode: "",
      RW: true,
      Propagation: "",
    })),
    labels: { [labels.configHash]: hash, [labels.image]: image },
    summary: {} as ObservedContainer["summary"],
  };
}

const ourNetwork = {
  Name: "p_default",
  Id: "net1",
  Labels: { [labels.project]: "p", [labels.network]: "default", [labels.configHash]: "" },
} as unknown as Network;

function observed(
  containers: ObservedContainer[],
  networks: Network[] = [ourNetwork],
  volumes: Volume[] = [],
): Observed {
  return {
    containers,
    networks: new Map(networks.map((network) => [network.Name, network])),
    volumes: new Map(volumes.map((volume) => [volume.Name, volume])),
  };
}

const nothing = observed([], []);
const images = new Map([["busybox", "sha256:1"]]);
const options: UpOptions = {
  services: [],
  recreate: "diverged",
  recreateDependencies: "diverged",
  renewVolumes: false,
  removeOrphans: false,
  ignoreOrphans: false,
  scale: new Map(),
  start: true,
};

const up = (wanted: Project, found: Observed, more: Partial<UpOptions> = {}): string[] =>
  planText(planUp(wanted, found, images, hashes, { ...options, ...more }))
    .trimEnd()
    .split("\n");

const db = service("db", { healthcheck: { test: ["CMD", "true"] } });
const web = service("web", { depends_on: { db: { condition: "service_healthy", required: true } } });

test("planUp() makes what is absent, and starts it in the order of the dependencies", () => {
  expect(up(project([web, db]), nothing)).toEqual([
    "network p_default (absent)",
    "create p-db-1 (absent) <- network p_default",
    "create p-web-1 (absent) <- network p_default",
    "start p-db-1 (new) <- create p-db-1",
    "await db service_healthy (web depends on it) <- start p-db-1",
    "start p-web-1 (new) <- create p-web-1, await db service_healthy",
  ]);
});

test("planUp() does nothing to what is as it should be, but for a look at what it depends on", () => {
  expect(up(project([web, db]), observed([container("web"), container("db")]))).toEqual([
    "await db service_healthy (web depends on it)",
    "keep p-db-1 (as it should be)",
    "keep p-web-1 (as it should be)",
  ]);
});

test("planUp() touches only the service whose configuration or image has changed", () => {
  const changed = project([service("a"), service("b", { command: ["new"] })]);
  const replaced = [
    "create p-b-1 (WHY)",
    "stop p-b-1 (WHY) <- create p-b-1",
    "remove p-b-1 (WHY) <- create p-b-1, stop p-b-1",
    "rename p-b-1 (WHY) <- remove p-b-1",
    "start p-b-1 (new) <- rename p-b-1",
    "keep p-a-1 (as it should be)",
  ];
  const because = (why: string): string[] => replaced.map((line) => line.replace("WHY", why));
  expect(up(changed, observed([container("a"), container("b")]))).toEqual(because("configuration has changed"));
  const old = container("b", { image: "sha256:0" });
  expect(up(project([service("a"), service("b")]), observed([container("a"), old]))).toEqual(
    because("image has changed"),
  );
});

test("planUp() follows --force-recreate and --no-recreate, dependencies apart", () => {
  const wanted = project([web, { ...db, command: ["new"] }]);
  const found = observed([container("web"), container("db")]);
  expect(up(wanted, found, { recreate: "never", recreateDependencies: "never" })).toEqual([
    "await db service_healthy (web depends on it)",
    "keep p-db-1 (as it should be)",
    "keep p-web-1 (as it should be)",
  ]);
  const forced = up(project([web, db]), found, { services: ["web"], recreate: "force" });
  expect(forced).toContain("create p-web-1 (recreation was asked for)");
  expect(forced).toContain("keep p-db-1 (as it should be)");
});

test("planUp() stops what restarts with a service before that is replaced, and starts it again", () => {
  const follower = service("web", {
    depends_on: { db: { condition: "service_started", restart: true, required: true } },
  });
  const wanted = project([follower, { ...db, command: ["new"] }]);
  expect(up(wanted, observed([container("web"), container("db")]))).toEqual([
    "create p-db-1 (configuration has changed)",
    "stop p-db-1 (configuration has changed) <- create p-db-1, stop p-web-1",
    "remove p-db-1 (configuration has changed) <- create p-db-1, stop p-db-1, stop p-web-1",
    "rename p-db-1 (configuration has changed) <- remove p-db-1",
    "stop p-web-1 (db restarts)",
    "start p-db-1 (new) <- rename p-db-1",
    "start p-web-1 (stopped for its dependencies) <- stop p-web-1, start p-db-1",
  ]);
});

test("planUp() makes anew whatever shares a namespace with a container that is made anew", () => {
  const side = service("side", {
    network_mode: "service:db",
    networks: {},
    depends_on: { db: { condition: "service_started", required: true } },
  });
  const wanted = project([side, { ...db, command: ["new"] }]);
  const found = observed([container("db"), container("side", { hash: `busybox container:${container("db").id}` })]);
  expect(up(wanted, found)).toContain("create p-side-1 (db is recreated) <- rename p-db-1");
  expect(up(project([side, db]), found)).toEqual(["keep p-db-1 (as it should be)", "keep p-side-1 (as it should be)"]);
});

test("planUp() scales up with new numbers, and down from the highest, those that have changed first", () => {
  const three = [1, 2, 3].map((number) => container("a", { number }));
  const scaled = (count: number, found: ObservedContainer[]): string[] =>
    up(project([service("a")]), observed(found), { scale: new Map([["a", count]]) }).filter(
      (line) => !line.startsWith("keep"),
    );
  expect(scaled(1, three)).toEqual([
    "stop p-a-2 (scaled down)",
    "remove p-a-2 (scaled down) <- stop p-a-2",
    "stop p-a-3 (scaled down)",
    "remove p-a-3 (scaled down) <- stop p-a-3",
  ]);
  expect(
    scaled(2, [container("a", { hash: "old" }), container("a", { number: 2 }), container("a", { number: 3 })]),
  ).toEqual(["stop p-a-1 (scaled down)", "remove p-a-1 (scaled down) <- stop p-a-1"]);
  expect(scaled(4, three)).toEqual(["create p-a-4 (absent)", "start p-a-4 (new) <- create p-a-4"]);
  expect(() => up(project([service("a", { container_name: "x" })]), nothing, { scale: new Map([["a", 2]]) })).toThrow(
    "Remove the custom name to scale the service",
  );
});

test("planUp() starts the new container first where that was asked for and no port stands in the way", () => {
  const first = service("a", { command: ["new"], deploy: { update_config: { order: "start-first" } } });
  expect(up(project([first]), observed([container("a")]))).toEqual([
    "create p-a-1 (configuration has changed)",
    "start p-a-1 (starts before the old one stops) <- create p-a-1",
    "await p-a-1 (the old one stops once it works) <- start p-a-1",
    "stop p-a-1 (configuration has changed) <- create p-a-1, await p-a-1",
    "remove p-a-1 (configuration has changed) <- create p-a-1, await p-a-1, stop p-a-1",
    "rename p-a-1 (configuration has changed) <- remove p-a-1",
  ]);
  const published = { ...first, ports: [{ target: 80, published: "8080" }] };
  expect(up(project([published]), observed([container("a")]))[1]).toStartWith("stop p-a-1");
});

test("planUp() lets so many containers start first at a time as the service says, with its delay between", () => {
  const three = observed([1, 2, 3].map((number) => container("a", { number })));
  const creations = (update: UpdateConfig) => {
    const first = service("a", { command: ["new"], deploy: { replicas: 3, update_config: update } });
    return up(project([first]), three).filter((line) => /^(create|delay)/.test(line));
  };
  const create = (number: number) => `create p-a-${number} (configuration has changed)`;
  expect(creations({ order: "start-first" })).toEqual([
    create(1),
    `${create(2)} <- rename p-a-1`,
    `${create(3)} <- rename p-a-2`,
  ]);
  expect(creations({ order: "start-first", parallelism: 2, delay: 1e9 })).toEqual([
    create(1),
    create(2),
    "delay p-a-3 (delay) <- rename p-a-1",
    `${create(3)} <- delay p-a-3`,
  ]);
  expect(creations({ order: "start-first", parallelism: 0, delay: 1e9 })).toEqual([create(1), create(2), create(3)]);
  expect(creations({ order: "stop-first" })).toEqual([create(1), create(2), create(3)]);
  // Nothing said of several: one after the other, each once the new one works.
  expect(creations({})).toEqual(creations({ order: "start-first" }));
});

test("planUp() counts what run has left as orphans once it has ended", () => {
  const left = (state: "running" | "exited") => ({
    ...container("a", { number: 2 }),
    name: "p-a-run",
    oneoff: true,
    state,
  });
  expect(up(project([service("a")]), observed([container("a"), left("running")]))).toEqual([
    "keep p-a-1 (as it should be)",
  ]);
  const [warning] = up(project([service("a")]), observed([container("a"), left("exited")]));
  expect(warning).toStartWith("! Found orphan containers ([p-a-run])");
});

test("planUp() warns of orphans, or removes them", () => {
  const found = observed([container("a"), container("gone")]);
  expect(up(project([service("a")]), found)[0]).toStartWith("! Found orphan containers ([p-gone-1]) for this project.");
  expect(up(project([service("a")]), found, { removeOrphans: true })).toEqual([
    "stop p-gone-1 (orphan)",
    "remove p-gone-1 (orphan) <- stop p-gone-1",
    "keep p-a-1 (as it should be)",
  ]);
  const known = project([service("a")], { disabledServices: { gone: service("gone") } });
  expect(up(known, found)).toEqual(["keep p-a-1 (as it should be)"]);
});

test("planUp() replaces a network that has changed with all that is in it", () => {
  const wanted = project([service("a")], { networks: { default: { name: "p_default", driver: "macvlan" } } });
  expect(up(wanted, observed([container("a")]))).toEqual([
    "stop p-a-1 (network has changed)",
    "disconnect p-a-1 p_default (network has changed) <- stop p-a-1",
    "remove network p_default (network has changed) <- disconnect p-a-1 p_default",
    "network p_default (network has changed) <- remove network p_default",
    "create p-a-1 (network p_default has changed) <- network p_default",
    "remove p-a-1 (network p_default has changed) <- create p-a-1, stop p-a-1",
    "rename p-a-1 (network p_default has changed) <- remove p-a-1",
    "start p-a-1 (new) <- rename p-a-1",
  ]);
});

test("planUp() refuses what is external and absent, and warns of what is another's", () => {
  const external = project([service("a")], { networks: { default: { name: "out", external: true } } });
  expect(() => up(external, nothing)).toThrow("network out declared as external, but could not be found");
  const volumes = project([service("a")], { volumes: { v: { name: "v", external: true } } });
  expect(() => up(volumes, nothing)).toThrow('external volume "v" not found');
  const others = { ...ourNetwork, Labels: {} } as Network;
  expect(up(project([service("a")]), observed([container("a")], [others]))[0]).toContain(
    'a network with name p_default exists but was not created for project "p"',
  );
});

test("planUp() makes no containers for what another program provides, and waits for none", () => {
  const provided = service("cloud", { provider: { type: "x" } });
  const depends_on = { cloud: { condition: "service_healthy", required: true } } as const;
  expect(up(project([provided, service("a", { depends_on })]), observed([]))).toEqual([
    "create p-a-1 (absent)",
    "start p-a-1 (new) <- create p-a-1",
  ]);
});

test("planDown() removes dependents first, networks after all containers, and what else was asked for", () => {
  const wanted = project([web, db], { volumes: { data: { name: "p_data" } } });
  const found = observed(
    [container("web"), container("db", { state: "exited" })],
    [ourNetwork],
    [{ Name: "p_data" } as Volume],
  );
  const down = { services: [], removeOrphans: false, ignoreOrphans: false, volumes: true, images: "all" } as const;
  expect(
    planText(planDown(wanted, found, down))
      .trimEnd()
      .split("\n"),
  ).toEqual([
    "stop p-web-1 (down)",
    "remove p-web-1 (down) <- stop p-web-1",
    "remove p-db-1 (down) <- remove p-web-1",
    "network p_default (down) <- remove p-web-1, remove p-db-1",
    "volume p_data (--volumes) <- remove p-web-1, remove p-db-1",
    "image busybox (--rmi all) <- remove p-web-1, remove p-db-1",
  ]);
});

test("planStop(), planStartExisting() and planRestart() keep the order", () => {
  const wanted = project([web, db]);
  const running = [container("web"), container("db")];
  expect(planText(planStop(wanted, running))).toBe("stop p-web-1 (stop)\nstop p-db-1 (stop) <- stop p-web-1\n");
  const stopped = running.map((each) => ({ ...each, state: "exited" as const }));
  expect(planText(planStartExisting(wanted, stopped, []))).toBe(
    "start p-db-1 (exited)\nawait db service_healthy (web depends on it) <- start p-db-1\nstart p-web-1 (exited) <- await db service_healthy\n",
  );
  expect(() => planStartExisting(wanted, stopped.slice(0, 1), ["web"])).toThrow("web is missing dependency db");
  expect(() => planStartExisting(wanted, stopped.slice(0, 1), [])).toThrow('service "db" has no container to start');
  const follower = {
    ...web,
    depends_on: { db: { condition: "service_started", restart: true, required: true } },
  } as const;
  const all = { services: ["db"], dependents: true };
  expect(planText(planRestart(project([follower, db]), running, all))).toBe(
    "restart p-db-1 (restart)\nrestart p-web-1 (restart) <- restart p-db-1\n",
  );
  expect(planText(planRestart(project([follower, db]), running, { ...all, dependents: false }))).toBe(
    "restart p-db-1 (restart)\n",
  );
});
