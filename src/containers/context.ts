import { join } from "node:path";
import type { EventJournal } from "../events/events.ts";
import type { EnginePaths } from "../lib/engine-paths.ts";
import type { Database, Durability, Tx } from "../state/database.ts";
import type { Intents } from "../state/intents.ts";
import { RecordStore } from "../state/record-store.ts";
import type { Collaborators } from "./collaborators.ts";
import type { Container } from "./container.ts";
import { ContainerIndex } from "./container-index.ts";
import { Departed } from "./departed.ts";
import type { Exec } from "./exec.ts";
import { type ContainerRecord, containerRecords, type RunState } from "./record.ts";

/** What the engine's configuration says for containers that say nothing. */
export interface ContainersConfig {
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  /** Bytes of /dev/shm. */
  readonly shmSize: number;
  /** Seconds that containers get to stop when the engine stops all of them. */
  readonly shutdownTimeout: number;
}

export interface ContainersOptions extends Collaborators {
  readonly db: Database;
  readonly intents: Intents;
  readonly events: EventJournal;
  readonly paths: Pick<EnginePaths, "containers" | "bundles" | "rootfs">;
  readonly config: ContainersConfig;
  /** True in an engine that is made to end what lives: nothing starts by a restart policy, which the next engine applies. */
  readonly toStop?: boolean;
  /** Told when a container is gone, with the image it stood on. */
  readonly imageReleased?: (imageId: string) => void;
  /** Takes a directory out of sight at once, however much is in it; absent is fine. */
  readonly discard: (path: string) => void;
  /**
   * True when records of containers may be missing that still exist (a state database was set aside): what no record knows
   * is then left running and on disk.
   */
  readonly keepUnknown?: boolean;
  /** Tells the engine's log. */
  readonly log: (message: string) => void;
  /** What inspect shows where a container says nothing; the bundle maker has the same defaults. */
  readonly shownDefaults?: {
    readonly cgroupnsMode: string;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
  };
}

/** What every operation on containers works with. */
export interface Context extends ContainersOptions {
  readonly records: RecordStore<ContainerRecord>;
  readonly index: ContainerIndex;
  readonly departed: Departed;
  readonly execs: Map<string, Exec>;
  /** Aborted when the engine ends: nothing that waits to start does so any more. */
  readonly closing: AbortController;
  /** What is done after each check that leaves a container unhealthy. */
  unhealthy?: (container: Container) => Promise<void>;
}

export function createContext(options: ContainersOptions): Context {
  return {
    ...options,
    records: new RecordStore(options.db, containerRecords),
    index: new ContainerIndex(),
    departed: new Departed(),
    execs: new Map(),
    closing: new AbortController(),
  };
}

/**
 * How surely the life of a container is kept. One that goes away by itself when it ends (`--rm`) promises nothing over a power
 * cut, after which it would be gone anyway; the volumes it uses are promised.
 */
export function durabilityOf({ hostConfig, mounts }: ContainerRecord): Durability {
  return hostConfig.AutoRemove && mounts.every(({ type }) => type !== "volume") ? "normal" : "full";
}

/** Commits a changed record, with whatever `also` writes in the same transaction. */
export function save(
  ctx: Context,
  container: Container,
  durability: Durability,
  change: Partial<ContainerRecord>,
  also?: (tx: Tx) => void,
): void {
  const next = { ...container.record, ...change };
  ctx.db.transaction(durability, (tx) => {
    ctx.records.put(tx, next.id, next);
    also?.(tx);
  });
  container.record = next;
}

/** As {@link save}, for the run state alone. */
export function saveState(
  ctx: Context,
  container: Container,
  durability: Durability,
  state: Partial<RunState>,
  also?: (tx: Tx) => void,
): void {
  save(ctx, container, durability, { state: { ...container.record.state, ...state } }, also);
}

/** As {@link saveState}, for an outcome that stands whether the disk takes it now or later. */
export function settleState(
  ctx: Context,
  container: Container,
  state: Partial<RunState>,
  also: (tx: Tx) => void,
): void {
  const next = { ...container.record, state: { ...container.record.state, ...state } };
  ctx.db.settle((tx) => {
    ctx.records.put(tx, next.id, next);
    also(tx);
  });
  container.record = next;
}

/** Tells the journal; every container event carries its image, name and labels. */
export function emit(
  ctx: Context,
  container: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  const { config, name } = container.record;
  ctx.events.emit({
    type: "container",
    action,
    id: container.id,
    attributes: { ...config.Labels, ...attributes, image: config.Image, name },
  });
}

/** Files of one container. */
export function pathsOf(ctx: Pick<Context, "paths">, id: string) {
  const dir = join(ctx.paths.containers, id);
  return {
    dir,
    hosts: join(dir, "hosts"),
    resolvConf: join(dir, "resolv.conf"),
    hostname: join(dir, "hostname"),
    shm: join(dir, "shm"),
    secrets: join(dir, "secrets"),
    bundle: join(ctx.paths.bundles, id),
    secretMount: join(ctx.paths.bundles, id, "secrets"),
    rootfs: join(ctx.paths.rootfs, id),
  };
}
