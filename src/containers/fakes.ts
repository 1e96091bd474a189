/** Hand-made collaborators for the tests of containers: they keep what a real one would hold, and can be made to fail. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { ContainerConfig, ContainerCreateRequest } from "../api/containers.ts";
import type { EventMessage } from "../api/events.ts";
import type { NetworkSettings } from "../api/networks.ts";
import { parseWire } from "../api/wire.ts";
import { EventJournal } from "../events/events.ts";
import { notFound } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import type { OciProcess, OciSpec } from "../runtime/spec/oci.ts";
import { Database, type Durability } from "../state/database.ts";
import { Intents } from "../state/intents.ts";
import type { Collaborators, ContainerRuntime, ExitStatus, ProcessTarget, SupervisedProcess } from "./collaborators.ts";
import type { Containers } from "./containers.ts";
import { createContainers } from "./service.ts";
import { timestamp } from "./timestamps.ts";

const ociProcess: OciProcess = {
  terminal: false,
  user: { uid: 0, gid: 0, additionalGids: [] },
  args: [],
  env: [],
  cwd: "/",
  capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
  noNewPrivileges: false,
};

/** Processes that end when they are signalled, or when a test says so. */
export class FakeRuntime implements ContainerRuntime {
  readonly processes = new Map<string, SupervisedProcess>();
  readonly signals: number[] = [];
  /** Thrown by the next start or exec. */
  failure: Error | null = null;
  /** Signals that processes do not heed. */
  deafTo = new Set<number>();
  /** A started process ends at once with this code. */
  endsWith: number | null = null;
  starts = 0;
  forgotten = 0;
  #pid = 1000;
  #exits: ((target: ProcessTarget, status: ExitStatus) => void)[] = [];
  #ooms: ((target: ProcessTarget) => void)[] = [];

  async start({ id }: { id: string }) {
    return this.#run({ containerId: id });
  }

  async exec({ containerId, execId }: { containerId: string; execId: string }) {
    return this.#run({ containerId, execId });
  }

  #run(target: ProcessTarget) {
    if (this.failure) {
      const failure = this.failure;
      this.failure = null;
      throw failure;
    }
    if (this.processes.has(key(target))) throw new Error(`container ${key(target)} exists`);
    if (!target.execId) this.starts++;
    const started = { pid: ++this.#pid, startTime: String(this.#pid * 7) };
    const stdio = { directory: "", stdinOpen: false, consoleFd: null };
    this.processes.set(key(target), { ...target, ...started, stdio, tty: false, exit: null });
    if (this.endsWith !== null) this.end(target, this.endsWith);
    return started;
  }

  end(target: ProcessTarget, code: number, more: Partial<ExitStatus> = {}): void {
    const process = this.processes.get(key(target));
    if (!process || process.exit) return;
    const exit: ExitStatus = { code, signal: null, oomKilled: false, at: timestamp(), unknown: false, ...more };
    this.processes.set(key(target), { ...process, exit });
    for (const listener of this.#exits) listener(target, exit);
  }

  async attach() {
    const output = new PassThrough();
    return { output, input: new PassThrough(), close: () => output.destroy() };
  }

  async resize() {}

  async signal(target: ProcessTarget, signal: number) {
    const process = this.processes.get(key(target));
    if (!process || process.exit) throw notFound("no such process");
    this.signals.push(signal);
    if (!this.deafTo.has(signal)) queueMicrotask(() => this.end(target, 128 + signal, { signal }));
  }

  async pause() {}
  async resume() {}

  async list() {
    return [...this.processes.values()];
  }

  onExit(listener: (target: ProcessTarget, status: ExitStatus) => void) {
    this.#exits.push(listener);
  }

  onOom(listener: (target: ProcessTarget) => void) {
    this.#ooms.push(listener);
  }

  oom(target: ProcessTarget): void {
    for (const listener of this.#ooms) listener(target);
  }

  async forget(target: ProcessTarget) {
    this.forgotten++;
    this.processes.delete(key(target));
  }

  /** A new engine connects: the old one's listeners are gone. */
  reconnect(): void {
    this.#exits = [];
    this.#ooms = [];
  }
}

function key({ containerId, execId }: ProcessTarget): string {
  return execId ? `${containerId}/${execId}` : containerId;
}

/** What the fakes hold on behalf of containers: empty when nothing leaks. */
export interface Ledger {
  readonly snapshots: Set<string>;
  readonly mounts: Set<string>;
  readonly networks: Set<string>;
}

/** Faults that a test switches on, by collaborator and method: `snapshots.remove`. */
export type Faults = Map<string, Error>;

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
    if (fault) throw fault;
  };
  return {
    runtime,
    snapshots: {
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
      async remove(id) {
        fail("snapshots.remove");
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
      async detach(containerId) {
        ledger.networks.delete(containerId);
      },
      settingsOf: () => settings,
      statsOf: async () => ({}),
    },
    volumes: {
      resolve: async () => ({ mounts: [], commit() {}, async rollback() {} }),
      async populate() {},
      mount: async () => [],
      async unmount() {},
      reference() {},
      async release() {},
    },
    bundles: {
      validate: () => [],
      runtimeName: (wanted) => wanted ?? "crun",
      make: async () => ({
        spec: { ociVersion: "1.0.2", linux: { cgroupsPath: "" } } as OciSpec,
        user: { uid: 0, gid: 0 },
        runtime: binary,
      }),
      makeExec: async () => ({ process: ociProcess, runtime: binary }),
    },
    cgroups: { expectStart() {}, async update() {}, stats: async () => null, processes: async () => [] },
    logs: { async *read() {} },
    sharedMemory: { mount() {}, unmount() {} },
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
  readonly ledger: Ledger = { snapshots: new Set(), mounts: new Set(), networks: new Set() };
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

  /** As after a death of the daemon: only database, files and processes are left. */
  async restart(): Promise<void> {
    await this.containers[Symbol.asyncDispose]();
    this.runtime.reconnect();
    this.events = new EventJournal();
    this.containers = this.#create();
    await this.containers.restore();
    await this.containers.resume();
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
