/**
 * The composition root: makes the services, hands each what it asks for, restores them in order, and gives them back in
 * reverse. No decision of a service is taken here.
 */
import { rmSync } from "node:fs";
import { hostname } from "node:os";
import { noFilters } from "../api/filters.ts";
import type { Builder } from "../builder/builder.ts";
import { applyChanges } from "../builder/dockerfile/plan/config-changes.ts";
import { createBuilder } from "../builder/service.ts";
import type { Containers, Execs } from "../containers/containers.ts";
import { createContainers } from "../containers/service.ts";
import { EventJournal } from "../events/events.ts";
import { Segments } from "../events/segments.ts";
import type { Images } from "../images/images.ts";
import { createImages } from "../images/service.ts";
import { wallClockNanoseconds } from "../lib/clock.ts";
import { enginePaths } from "../lib/engine-paths.ts";
import { isKind, messageOf, unavailable } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { removeCgroupEverywhere } from "../linux/cgroup.ts";
import { createLogs } from "../logs/logs.ts";
import { createNetworks } from "../networks/service.ts";
import { createPlugins } from "../plugins/plugins.ts";
import { CdiRegistry } from "../runtime/cdi/registry.ts";
import { createCgroups } from "../runtime/cgroups.ts";
import { hostWarnings, probeHost } from "../runtime/host-facts.ts";
import { OciRuntimes } from "../runtime/oci-runtime.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { createSecretFiles } from "../runtime/secret-files.ts";
import { createSharedMemory } from "../runtime/shared-memory.ts";
import { defaultMaskedPaths, defaultReadonlyPaths } from "../runtime/spec/defaults.ts";
import { createRuntime } from "../runtime/supervised-runtime.ts";
import { createArchives } from "../snapshots/archive.ts";
import { pickSnapshotter } from "../snapshots/drivers.ts";
import { leaveMountParent } from "../snapshots/mount-point.ts";
import { Trash } from "../snapshots/trash.ts";
import { Database } from "../state/database.ts";
import { Intents } from "../state/intents.ts";
import { createVolumes } from "../volumes/service.ts";
import type { Volumes } from "../volumes/volumes.ts";
import { builderImages, shownCacheEntry } from "./builder-images.ts";
import { makeBundles } from "./bundles.ts";
import { type Checker, createChecker } from "./check/check.ts";
import { commitContainer } from "./commit.ts";
import type { EngineConfig } from "./config.ts";
import { type ConnectedNetworks, connectNetworks } from "./connected-networks.ts";
import { makeDirectories } from "./directories.ts";
import { engineId } from "./engine-id.ts";
import { GcClock } from "./gc-clock.ts";
import { createGc, type Gc } from "./gc-service.ts";
import { type ConfigChanges, LiveConfig, reloadAttributes } from "./live-config.ts";
import { lostWarning, restore, setAsideDatabases } from "./restore.ts";
import { createSystem, type System } from "./system.ts";

/** Where the engine tells what happens. */
export interface EngineLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** The engine: a plain record of services. Disposing leaves containers running; {@link Engine.stopAll} ends them first. */
export interface Engine extends AsyncDisposable {
  readonly containers: Containers & { commit: CommitMethod };
  readonly exec: Execs;
  readonly images: Images;
  readonly builder: Builder;
  readonly networks: ConnectedNetworks;
  readonly volumes: Volumes;
  readonly events: EventJournal;
  readonly system: System;
  readonly gc: Pick<Gc, "run">;
  readonly check: Checker;
  /** Takes over what can change while it runs, all of it or, when it throws, nothing; then tells the event `reload`. */
  reload(next: EngineConfig): Promise<ConfigChanges>;
  /** Stops every container, then the supervisor and netd. */
  stopAll(): Promise<void>;
}

type CommitMethod = (request: Parameters<typeof commitContainer>[1], op: Operation) => Promise<{ Id: string }>;

/**
 * Builds and restores an engine. The data root is locked by the caller; no other engine uses either root. With `toStop` it
 * only takes back what lives, for {@link Engine.stopAll}: nothing starts, and nothing is swept or collected.
 */
export async function createEngine(
  initial: EngineConfig,
  log: EngineLog,
  { toStop = false }: { readonly toStop?: boolean } = {},
): Promise<Engine> {
  const live = new LiveConfig(initial);
  const config = live.current;
  const paths = enginePaths(config.dataRoot, config.execRoot);
  makeDirectories(paths);
  await using stack = new AsyncDisposableStack();
  const db = stack.use(Database.open(paths.database, (message) => log.error(message)));
  const lost = setAsideDatabases(config.dataRoot);
  const keepUnknown = lost.length > 0;
  const events = stack.use(openJournal(paths.events, (message) => log.error(message)));
  const host = probeHost();
  const discover = (from: EngineConfig): Promise<OciRuntimes> =>
    OciRuntimes.discover({
      execRoot: config.execRoot,
      configured: from.runtimes,
      preferred: from.defaultRuntime,
      log: (message) => log.warn(message),
    });
  const runtimes = await discover(config);
  const snapshots = await pickSnapshotter(config.storageDriver, paths.snapshots, (message) => log.warn(message));
  const archives = createArchives();
  const trash = new Trash(paths.trash);
  const runtime = stack.use(createRuntime({ execRoot: config.execRoot, log: (message) => log.info(message) }));
  const networks = stack.use(
    createNetworks({
      config: config.network,
      instance: config.instance,
      engineId: engineId(config.dataRoot),
      paths,
      db,
      log: (message) => log.info(message),
    }),
  );
  networks.onEvent((event) =>
    events.emit({ type: "network", action: event.action, id: event.networkId, attributes: event.attributes }),
  );
  const plugins = createPlugins({ dirs: config.pluginDirs, log: (message) => log.warn(message) });
  const volumes = createVolumes({
    db,
    plugins,
    log: (message) => log.warn(message),
    root: paths.volumes,
    discard: (path) => trash.take(path),
    execRoot: config.execRoot,
    copyUp: (rootfs, path, target, op) => archives.copyUp(rootfs, path, target, op),
    recursiveReadOnly: host.recursiveReadOnly,
    pack: async (root, op) => (await archives.readArchive(root, "/", op, { name: "./", exact: true })).tar,
    unpack: (root, tar, op) => archives.writeArchive(root, "/", tar, {}, op),
    viewImage: (imageId, target) => images.view(imageId, target),
    emit: (action, name, attributes) => events.emit({ type: "volume", action, id: name, attributes }),
  });
  const clock = new GcClock(db);
  const images = createImages({
    db,
    contentRoot: paths.content,
    snapshots,
    config,
    usersOf: (imageId) => containers.usersOfImage(imageId),
    applyChanges,
    log: (message) => log.warn(message),
    emit: (event) => events.emit(event),
  });
  const cdi = new CdiRegistry(config.cdiSpecDirs, (message) => log.warn(message));
  const bundles = makeBundles(config, paths, { host, runtimes, cdi });
  const logs = stack.use(createLogs({ log: (message) => log.warn(message) }));
  const containers: Containers = stack.use(
    createContainers({
      runtime,
      snapshots,
      archives,
      images,
      networks,
      volumes,
      bundles,
      cgroups: createCgroups(),
      logs,
      sharedMemory: createSharedMemory(),
      secretFiles: createSecretFiles(),
      db,
      intents: new Intents(db),
      events,
      paths,
      discard: (path) => trash.take(path),
      toStop,
      imageReleased: (id) => clock.imageReleased(id),
      config,
      shownDefaults: {
        cgroupnsMode: host.cgroupVersion === 2 ? "private" : "host",
        maskedPaths: defaultMaskedPaths(host),
        readonlyPaths: defaultReadonlyPaths,
      },
      keepUnknown,
      log: (message) => log.warn(message),
    }),
  );
  const builder = createBuilder({
    db,
    images: builderImages(images),
    snapshots,
    networks,
    runtime,
    bundles,
    paths,
    grants: config.buildGrants,
    cacheLimits: config.buildCache,
    unpack: (directory, tar, op) => archives.writeArchive(directory, "/", tar, {}, op),
    copyUp: (root, path, target, op) => archives.copyUp(root, path, target, op),
    discard: (path) => trash.take(path),
    log: (message) => log.warn(message),
  });
  await reachSupervisor(runtime);
  try {
    await restore({ containers, networks, images, snapshots, runtime, volumes, keepUnknown, toStop });
  } catch (error) {
    // A supervisor that holds nothing was started for this engine and goes with it.
    if ((await runtime.list()).length === 0) await runtime.shutdown();
    throw error;
  }
  if (!toStop) await builder.restore();
  // What a death left there; nobody waits for it.
  void trash.empty();
  const system = createSystem({
    config,
    engineId: engineId(config.dataRoot),
    host,
    storageDriver: snapshots.name,
    runtimes: () => Object.fromEntries(runtimes.list().map(({ name, path }) => [name, { path }])),
    defaultRuntime: () => ({ name: runtimes.defaultName, version: runtimes.get(undefined).version }),
    firewall: config.network.firewall ? "nftables" : "none",
    warnings: () => [...hostWarnings(host), ...runtimes.warnings(), ...lost.map(lostWarning)],
    counts: () => containers.counts(),
    listeners: () => events.listeners,
    devices: () => cdi.names(),
    networkDrivers: () => networks.upperDrivers(),
    containers: (op) => containers.list({ all: true, limit: 0, size: true, filters: noFilters }, op),
    images: (op) => images.list({ all: false, filters: noFilters, sharedSize: true, manifests: false }, op),
    layersSize: () => images.layersSize(),
    volumes: (op) => volumes.usage(op),
    volumeDrivers: () => volumes.drivers(),
    buildCache: async () => (await builder.cacheEntries()).map(shownCacheEntry),
  });
  const gc = stack.use(
    createGc({
      byInterval: !toStop,
      config,
      clock,
      containers,
      images,
      events,
      engineId: engineId(config.dataRoot),
      log,
    }),
  );
  const owned = stack.move();
  return {
    containers: Object.assign(containers, {
      commit: (request: Parameters<typeof commitContainer>[1], op: Operation) =>
        commitContainer({ containers, images, snapshots }, request, op),
    }),
    exec: containers.execs,
    images,
    builder,
    networks: connectNetworks(networks, containers),
    volumes,
    events,
    system,
    gc,
    check: createChecker({ db, images, containers, volumes, snapshots, leftovers: !keepUnknown }),
    async reload(next) {
      runtimes.become(await discover(next));
      const changes = live.changes(next);
      live.take(next);
      gc.policyChanged();
      const cgroupnsMode = host.cgroupVersion === 2 ? "private" : "host";
      const facts = { defaultRuntime: runtimes.defaultName, cgroupnsMode, name: hostname() };
      events.emit({
        type: "daemon",
        action: "reload",
        id: engineId(config.dataRoot),
        attributes: reloadAttributes(config, facts),
      });
      return changes;
    },
    async stopAll() {
      await containers.stopAll();
      // Networks go only where the supervisor can follow: who was told of a failure finds the engine whole.
      await runtime.list();
      await networks.shutdown();
      await runtime.shutdown();
      // Where neither socket is, nothing of the engine lives.
      rmSync(paths.supervisorSocket, { force: true });
      leaveMountParent(paths.rootfs);
      // A parent that the user chose may hold other things, and is not ours to remove.
      if (config.cgroupParent === undefined) removeCgroupEverywhere(`/${config.instance}`);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Nothing is known of what runs before the supervisor says it. One that is stopped is not replaced: it holds what runs. */
async function reachSupervisor(runtime: Runtime): Promise<void> {
  try {
    await runtime.ensure();
  } catch (error) {
    if (!isKind(error, "unavailable")) throw error;
    throw unavailable(`${messageOf(error)}: what runs is not known before it does; containers run on meanwhile`, {
      cause: error,
    });
  }
}

/** The journal over restarts; one whose files cannot be read must not keep the engine from its containers. */
function openJournal(directory: string, log: (message: string) => void): EventJournal {
  try {
    return new EventJournal({ segments: new Segments(directory, wallClockNanoseconds()), log });
  } catch (error) {
    log(`events are kept in memory only, ${directory} cannot be used: ${messageOf(error)}`);
    return new EventJournal();
  }
}
