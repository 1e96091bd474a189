import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { conflict, DhowError, messageOf, notFound, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import { stringifyJson } from "../lib/json.ts";
import type { Operation } from "../lib/operation.ts";
import type { SandboxRequest } from "../networks/networks.ts";
import type { ProcessIdentity } from "../supervisor/protocol.ts";
import { logLimits } from "./check-request.ts";
import type { Bundle } from "./collaborators.ts";
import type { Container } from "./container.ts";
import { type Context, durabilityOf, emit, pathsOf, saveState } from "./context.ts";
import { healthAtStart, startHealthChecks } from "./health.ts";
import { hasProcess, refuse, transition } from "./lifecycle.ts";
import type { ContainerRecord } from "./record.ts";
import { removeUnlocked } from "./removal.ts";
import { timestamp } from "./timestamps.ts";

/** Exit code of a start that failed before there was a process to have one. */
const unknownFailure = 128;

/** Starts a container for a user. */
export async function startContainer(ctx: Context, container: Container, op: Operation): Promise<void> {
  await container.lock.run(async () => {
    if (container.removing) throw conflict("container is marked for removal and cannot be started");
    refuse("start", container);
    cancelRestart(container);
    container.backoff = 0;
    await startLocked(ctx, container, op, { manuallyStopped: false, restartCount: 0 });
  });
}

/** Takes a pending restart by policy away. */
export function cancelRestart(container: Container): void {
  if (container.restart) clearTimeout(container.restart.timer);
  container.restart = null;
}

/**
 * Starts the process; the caller holds the lock and knows that the container has none.
 *
 * The intent is a NORMAL commit, since nothing of a start outlives a power cut; the running container is a FULL one.
 * A failed start gives everything back and is recorded as Docker does: the status stays, exit code and error are set.
 */
export async function startLocked(
  ctx: Context,
  container: Container,
  op: Operation,
  change: { manuallyStopped?: boolean; restartCount?: number },
): Promise<void> {
  await container.forgetting;
  const intent = ctx.db.transaction("normal", (tx) =>
    ctx.intents.begin(tx, {
      operation: "containers.start",
      subject: container.id,
      effects: ["mount", "network", "volumes", "bundle", "process"],
    }),
  );
  try {
    failPoint("containers.start.intent");
    const started = await bringUp(ctx, container, op);
    recordStart(ctx, container, op, { started, change, intent });
  } catch (error) {
    await startFailed(ctx, container, intent, error);
    throw error instanceof DhowError ? error : systemError(messageOf(error), { cause: error });
  }
  failPoint("containers.start.recorded");
  emit(ctx, container, "start");
  startHealthChecks(ctx, container);
}

interface StartOutcome {
  readonly started: Started;
  readonly change: { manuallyStopped?: boolean; restartCount?: number };
  readonly intent: number;
}

function recordStart(
  ctx: Context,
  container: Container,
  op: Operation,
  { started, change, intent }: StartOutcome,
): void {
  container.ended = Promise.withResolvers<void>();
  container.running = new AbortController();
  container.startedMonotonic = performance.now();
  container.oomTold = false;
  container.record = {
    ...container.record,
    ...change,
    apparmorProfile: started.bundle.apparmorProfile ?? "",
  };
  op.timings.measureSync("commit", () =>
    saveState(
      ctx,
      container,
      durabilityOf(container.record),
      {
        status: transition(container.status, "started"),
        pid: started.process.pid,
        startTime: started.process.startTime,
        exitCode: 0,
        error: "",
        oomKilled: false,
        startedAt: timestamp(),
        health: healthAtStart(container.record),
      },
      (tx) => ctx.intents.finish(tx, intent),
    ),
  );
}

interface Started {
  readonly process: ProcessIdentity;
  readonly bundle: Bundle;
}

async function bringUp(ctx: Context, container: Container, op: Operation): Promise<Started> {
  const { record } = container;
  const { hostConfig } = record;
  const paths = pathsOf(ctx, record.id);
  const request = sandboxRequest(ctx, container);
  const joined = joinedNamespaces(ctx, hostConfig);
  const log = logLimits(hostConfig.LogConfig);
  const [mounted, network, volumes] = await Promise.allSettled([
    op.timings.measure("mount", () => ctx.snapshots.mount(record.id, paths.rootfs)),
    op.timings.measure("network", () => ctx.networks.attach(request, op)),
    op.timings.measure("volumes", () => ctx.volumes.mount(record.id, record.mounts, op)),
  ]);
  if (mounted.status === "rejected") throw mounted.reason;
  if (network.status === "rejected") throw networkError(network.reason);
  if (volumes.status === "rejected") throw volumes.reason;
  failPoint("containers.start.network");
  failPoint("containers.start.mounted");
  const sandbox = network.value;
  const owner = networkOwner(ctx, hostConfig.NetworkMode);
  const files = owner ? pathsOf(ctx, owner.id) : paths;
  op.timings.measureSync("files", () => {
    mkdirSync(paths.bundle, { recursive: true, mode: 0o700 });
    if (owner) return;
    writeFileSync(paths.hosts, sandbox.hosts, { mode: 0o644 });
    writeFileSync(paths.resolvConf, sandbox.resolvConf, { mode: 0o644 });
    writeFileSync(paths.hostname, `${record.config.Hostname}\n`, { mode: 0o644 });
  });
  const shmPath = sharedMemoryOf(ctx, container);
  const bundle = await op.timings.measure("spec", () =>
    ctx.bundles.make(
      {
        id: record.id,
        config: owner ? { ...record.config, ...hostNames(owner.record.config) } : record.config,
        hostConfig,
        rootfs: paths.rootfs,
        mounts: volumes.value,
        files: { hosts: files.hosts, resolvConf: files.resolvConf, hostname: files.hostname },
        netnsPath: sandbox.netnsPath,
        joined,
        shmPath,
      },
      op,
    ),
  );
  writeFileSync(join(paths.bundle, "config.json"), stringifyJson(bundle.spec), { mode: 0o600 });
  failPoint("containers.start.bundled");
  const [rows, cols] = hostConfig.ConsoleSize;
  const process = await op.timings.measure("runtime", () =>
    ctx.runtime.start(
      {
        id: record.id,
        runtime: bundle.runtime,
        bundle: paths.bundle,
        cgroupPath: bundle.spec.linux.cgroupsPath,
        io: {
          tty: record.config.Tty,
          stdin: record.config.OpenStdin,
          stdinOnce: record.config.StdinOnce,
          uid: bundle.user.uid,
          gid: bundle.user.gid,
          ...(rows && cols ? { consoleSize: [rows, cols] } : {}),
        },
        log: log && { path: paths.log, format: "json-file", ...log },
      },
      op,
    ),
  );
  failPoint("containers.start.process");
  return { process, bundle };
}

/** Gives back what a process held: network, mounts, bundle. Nothing of it throws for what is gone. */
export async function release(ctx: Context, container: Container): Promise<void> {
  const { record } = container;
  const paths = pathsOf(ctx, record.id);
  const results = await Promise.allSettled([
    ctx.networks.detach(record.id),
    ctx.volumes.unmount(record.id, record.mounts).then(() => ctx.snapshots.unmount(paths.rootfs)),
  ]);
  for (const result of results) {
    if (result.status === "rejected") ctx.log(`container ${record.id}: release: ${messageOf(result.reason)}`);
  }
  if (ownsSharedMemory(container)) ctx.sharedMemory.unmount(paths.shm);
}

async function startFailed(ctx: Context, container: Container, intent: number, error: unknown): Promise<void> {
  for (const stream of container.attached) stream.close();
  container.attached.clear();
  await ctx.runtime.forget({ containerId: container.id }).catch((failed) => {
    ctx.log(`container ${container.id}: what its failed start left: ${messageOf(failed)}`);
  });
  await release(ctx, container);
  rmSync(pathsOf(ctx, container.id).bundle, { recursive: true, force: true });
  const exitCode = exitCodeOf(error);
  saveState(
    ctx,
    container,
    "normal",
    { status: transition(container.status, "startFailed"), pid: 0, startTime: "", exitCode, error: messageOf(error) },
    (tx) => ctx.intents.finish(tx, intent),
  );
  // Nothing has exited: who waits for the next exit goes on waiting, until the container is removed at the latest.
  container.waiters.settle("not-running", { StatusCode: exitCode, Error: { Message: messageOf(error) } });
  if (container.record.hostConfig.AutoRemove) await removeUnlocked(ctx, container, { volumes: true });
}

function exitCodeOf(error: unknown): number {
  const code = error instanceof Error && "exitCode" in error ? error.exitCode : undefined;
  return typeof code === "number" ? code : unknownFailure;
}

function networkError(reason: unknown): unknown {
  if (!(reason instanceof DhowError)) return reason;
  const prefix = "failed to set up container networking: ";
  if (reason.message.startsWith(prefix)) return reason;
  return new DhowError(reason.kind, `${prefix}${reason.message}`, { cause: reason });
}

function sandboxRequest(ctx: Context, container: Container): SandboxRequest {
  const { record } = container;
  const { config, hostConfig } = record;
  return {
    containerId: record.id,
    name: record.name,
    hostname: config.Hostname,
    domainname: config.Domainname,
    networkMode: config.NetworkDisabled ? "none" : resolvedNetworkMode(ctx, hostConfig.NetworkMode),
    endpoints: config.NetworkDisabled ? {} : record.endpoints,
    portBindings: hostConfig.PortBindings,
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAllPorts: hostConfig.PublishAllPorts,
    macAddress: config.MacAddress,
    dns: hostConfig.Dns ?? [],
    dnsSearch: hostConfig.DnsSearch ?? [],
    dnsOptions: hostConfig.DnsOptions ?? [],
    extraHosts: hostConfig.ExtraHosts ?? [],
    sysctls: hostConfig.Sysctls,
  };
}

const otherContainer = "container:";

/** The container whose network, names and files are shared by `--network container:REF`. */
function networkOwner(ctx: Context, mode: string): Container | undefined {
  return mode.startsWith(otherContainer) ? ctx.index.find(mode.slice(otherContainer.length)) : undefined;
}

function hostNames({ Hostname, Domainname }: ContainerRecord["config"]): { Hostname: string; Domainname: string } {
  return { Hostname, Domainname };
}

function resolvedNetworkMode(ctx: Context, mode: string): string {
  if (!mode.startsWith(otherContainer)) return mode;
  const ref = mode.slice(otherContainer.length);
  const other = networkOwner(ctx, mode);
  if (!other) throw notFound(`joining network namespace of container: No such container: ${ref}`);
  if (!hasProcess(other.status)) {
    throw conflict(`cannot join network namespace of a non running container: container ${ref} is ${other.status}`);
  }
  return `${otherContainer}${other.id}`;
}

function joinedNamespaces(ctx: Context, hostConfig: Container["record"]["hostConfig"]): { pid?: string; ipc?: string } {
  const pid = joinedContainer(ctx, hostConfig.PidMode, "PID");
  const ipc = joinedContainer(ctx, hostConfig.IpcMode, "IPC");
  return {
    ...(pid ? { pid: `/proc/${pid.record.state.pid}/ns/pid` } : {}),
    ...(ipc ? { ipc: `/proc/${ipc.record.state.pid}/ns/ipc` } : {}),
  };
}

function joinedContainer(ctx: Context, mode: string, kind: "PID" | "IPC"): Container | undefined {
  if (!mode.startsWith(otherContainer)) return undefined;
  const other = ctx.index.get(mode.slice(otherContainer.length));
  if (!hasProcess(other.status)) {
    throw conflict(`failed to join ${kind} namespace: container ${other.id} is not running`);
  }
  if (kind === "IPC" && !ownsSharedMemory(other)) {
    throw conflict(
      `failed to join IPC namespace: container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    );
  }
  return other;
}

function ownsSharedMemory(container: Container): boolean {
  return container.record.hostConfig.IpcMode === "shareable";
}

/** The directory that is this container's /dev/shm when others may join it, or when it joins another's. */
function sharedMemoryOf(ctx: Context, container: Container): string | null {
  const { hostConfig, id } = container.record;
  const other = joinedContainer(ctx, hostConfig.IpcMode, "IPC");
  if (other) return pathsOf(ctx, other.id).shm;
  if (!ownsSharedMemory(container)) return null;
  const { shm } = pathsOf(ctx, id);
  ctx.sharedMemory.mount(shm, Number(hostConfig.ShmSize));
  return shm;
}
