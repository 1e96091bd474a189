/** Hand-made collaborators for the tests of containers: they keep what a real one would hold, and can be made to fail. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { ContainerConfig, ContainerCreateRequest } from "../api/containers.ts";
import type { EventMessage } from "../api/events.ts";
import type { NetworkSettings } from "../api/networks.ts";
import { parseWire } from "../api/wire.ts";
import { EventJournal } from "../events/events.ts";
import { notFound } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { logTarget } from "../logs/log-target.ts";
import type { OciProcess, OciSpec } from "../runtime/spec/oci.ts";
import { Database, type Durability } from "../state/database.ts";
import { Intents } from "../state/intents.ts";
import type { ResolvedMount } from "../volumes/mounts.ts";
import type { Collaborators } from "./collaborators.ts";
import type { Containers } from "./containers.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import { createContainers } from "./service.ts";

const ociProcess: OciProcess = {
  terminal: false,
  user: { uid: 0, gid: 0, additionalGids: [] },
  args: [],
  env: [],
  cwd: "/",
  capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
  noNewPrivileges: false,
};

/** What the fakes hold on behalf of containers: empty when nothing leaks. */
export interface Ledger {
  readonly snapshots: Set<string>;
  readonly mounts: Set<string>;
  readonly networks: Set<string>;
  /** Mounts that every create resolves to. */
  volumes: readonly ResolvedMount[];
  /** Volumes that something was copied into, in this order. */
  readonly populated: string[];
  /** For each release whether anonymous volumes went too. */
  readonly released: boolean[];
}

/** Faults that a test switches on, by collaborator and method: `snapshots.remove`. */
export type Faults = Map<string, Error | typeof hang>;

/** A fault that never comes to an end: what an engine was doing when it died. */
export const hang = Symbol("hang");

const image = {
  id: `sha256:${"1".repeat(64)}`,
  os: "linux",
  architecture: "amd64",
  chainId: `sha256:${"2".repeat(64)}`,
  config: parseWire(ContainerConfig, { Cmd: ["sh"], Env: ["PATH=/bin"] }),
};

function fakeCollaborators(runtime: FakeRuntime, ledger: Ledger, faults: Faults): Collaborators {
  const fail = (name: string): void => {
    const fault = faults.get(name);
    if (fault instanceof Error) throw fault;
  };
  const hung = async (name: string): Promise<void> => {
    if (faults.get(name) === hang) await new Promise(() => {});
    fail(name);
  };
  return {
    runtime,
    snapshots: {
      care: {
        directories: () => [],
        problem: () => null,
        compare: async () => ({ files: 0, differences: 0, told: [] }),
        pack: () => Readable.from([]),
        replace: async () => {},
        isChild: () => false,
        usersOf: () => [],
        readersOf: () => [],
        strays: () => [],
      },
      name: "overlay2",
      async prepare(id) {
        fail("snapshots.prepare");
        ledger.snapshots.add(id);
      },
      hasKey: (id) => ledger.snapshots.has(id),
      keys: async () => [...ledger.snapshots],
      async mount(_id, target) {
        fail("snapshots.mount");
        mkdirSync(target, { recursive: true });
        ledger.mounts.add(target);
      },
      async unmount(target) {
        ledger.mounts.delete(target);
        rmSync(target, { recursive: true, force: true });
      },
      isMounted: (target) => ledger.mounts.has(target),
      hide: () => null,
      hidden: (_key, _target, { pid }) => ({ path: `/proc/${pid}/root`, bare: false, close: async () => {} }),
      async remove(id) {
        await hung("snapshots.remove");
        ledger.snapshots.delete(id);
      },
      usage: async () => ({ size: 0, files: 0 }),
      async *changes() {},
      treeTar: () => Readable.from([]),
      driverData: () => ({}),
    },
    archives: {
      statPath: () => Promise.reject(notFound("no")),
      readArchive: () => Promise.reject(notFound("no")),
      writeArchive: async () => {},
    },
    images: {
      resolve(name) {
        if (name !== "busybox" && name !== image.id) throw notFound(`No such image: ${name}`);
        return image;
      },
    },
    networks: {
      validate() {},
      async attach({ containerId }) {
        fail("networks.attach");
        ledger.networks.add(containerId);
        return { netnsPath: `/run/netns/${containerId}`, settings, hosts: "127.0.0.1 localhost\n", resolvConf: "" };
      },
      republish: async () => null,
      leaveTo: async () => {},
      async detach(containerId) {
        ledger.networks.delete(containerId);
      },
      rename: async () => {},
      servedResolvConf: () => undefined,
      settingsOf: () => settings,
      hostAddressesOf: () => [],
      statsOf: async () => ({}),
    },
    volumes: {
      resolve: async () => ({ mounts: ledger.volumes, commit() {}, async rollback() {} }),
      async populate(mounts) {
        await hung("volumes.populate");
        for (const { name } of mounts) ledger.populated.push(name);
      },
      mount: async () => [],
      async unmount() {},
      reference() {},
      async abandon() {
        ledger.released.push(true);
      },
      async release(_id, _mounts, { removeAnonymous }) {
        ledger.released.push(removeAnonymous);
      },
    },
    bundles: {
      validate: () => ({ warnings: [], discarded: {} }),
      runtimeName: (wanted) => wanted ?? "crun",
      userOf: () => ({ uid: 0, gid: 0 }),
      make: async () => ({
        spec: { ociVersion: "1.0.2", linux: { cgroupsPath: "" } } as OciSpec,
        user: { uid: 0, gid: 0 },
        runtime: binary,
      }),
      makeExec: async () => ({ process: ociProcess, runtime: binary }),
    },
    cgroups: { expectStart() {}, update: async () => () => {}, stats: async () => null, processes: async () => [] },
    logs: {
      async *read() {},
      start: async (log, info, dir) => logTarget(log, info, dir),
      resume() {},
      async change() {},
      ended() {},
      async removed() {},
    },
    sharedMemory: { mount() {}, unmount() {} },
    secretFiles: { mount() {}, unmount() {} },
  };
}

const binary = { path: "/usr/bin/crun", kind: "crun", root: "/run/crun" } as const;

const settings: NetworkSettings = {
  Bridge: "",
  SandboxID: "s",
  SandboxKey: "",
  Ports: {},
  HairpinMode: false,
  LinkLocalIPv6Address: "",
  LinkLocalIPv6PrefixLen: 0,
  SecondaryIPAddresses: null,
  SecondaryIPv6Addresses: null,
  EndpointID: "",
  Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  MacAddress: "",
  Networks: {},
};

/** A containers service over fakes, in directories of its own. */
export class FakeEngine implements AsyncDisposable {
  readonly runtime = new FakeRuntime();
  readonly ledger: Ledger = {
    snapshots: new Set(),
    mounts: new Set(),
    networks: new Set(),
    volumes: [],
    populated: [],
    released: [],
  };
  readonly faults: Faults = new Map();
  readonly commits: Durability[] = [];
  readonly db: Database;
  readonly messages: string[] = [];
  events = new EventJournal();
  containers: Containers;
  readonly #dir = mkdtempSync(join(tmpdir(), "dhow-containers-"));

  constructor() {
    this.db = Database.open(":memory:");
    const transaction = this.db.transaction.bind(this.db);
    this.db.transaction = (durability, body) => {
      this.commits.push(durability);
      return transaction(durability, body);
    };
    this.containers = this.#create();
  }

  #create(): Containers {
    return createContainers({
      ...fakeCollaborators(this.runtime, this.ledger, this.faults),
      db: this.db,
      intents: new Intents(this.db),
      events: this.events,
      paths: {
        containers: join(this.#dir, "containers"),
        bundles: join(this.#dir, "bundles"),
        rootfs: join(this.#dir, "rootfs"),
      },
      discard: (path) => rmSync(path, { recursive: true, force: true }),
      config: { logDriver: "json-file", logOptions: {}, shmSize: 67_108_864, shutdownTimeout: 10 },
      log: (message) => this.messages.push(message),
    });
  }

  static async start(): Promise<FakeEngine> {
    const engine = new FakeEngine();
    await engine.restart();
    return engine;
  }

  /** As after a death of the daemon: only database, files and processes are left. `until` is as far as the next one comes. */
  async restart(until: "restored" | "resumed" = "resumed"): Promise<void> {
    await this.containers[Symbol.asyncDispose]();
    this.runtime.reconnect();
    this.events = new EventJournal();
    this.containers = this.#create();
    await this.containers.restore();
    if (until === "resumed") await this.containers.resume();
  }

  /** Creates a container; `fields` are merged into the request. */
  async create(name: string, fields: Record<string, unknown> = {}): Promise<string> {
    const body = parseWire(ContainerCreateRequest, { Image: "busybox", ...fields });
    return (await this.containers.create({ name, platform: "", body }, background())).Id;
  }

  async run(name: string, fields: Record<string, unknown> = {}): Promise<string> {
    const id = await this.create(name, fields);
    await this.containers.start(id, background());
    return id;
  }

  async status(ref: string): Promise<string> {
    return (await this.containers.inspect(ref, { size: false }, background())).State.Status;
  }

  /** What the engine is about to do, or was when it died. */
  intents(): string[] {
    return new Intents(this.db).pending().map(({ operation }) => operation);
  }

  /** Actions of containers so far, oldest first. */
  async actions(): Promise<string[]> {
    const ended = new AbortController();
    ended.abort();
    const events: EventMessage[] = [];
    for await (const event of this.events.subscribe({ since: 0n }, ended.signal)) events.push(event);
    return events.map((event) => event.Action);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.containers[Symbol.asyncDispose]();
    this.db[Symbol.dispose]();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
