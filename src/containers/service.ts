import type { ContainerWaitResponse, WaitCondition } from "../api/containers.ts";
import { notFound, systemError } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { pauseContainer, renameContainer, unpauseContainer } from "./change.ts";
import { busyContainers, checkContainers, isKnown } from "./check.ts";
import { setEndpoint, settleConnections } from "./connections.ts";
import type { Container } from "./container.ts";
import type { Containers, Execs } from "./containers.ts";
import { type ContainersOptions, type Context, createContext, emit } from "./context.ts";
import { createContainer } from "./create.ts";
import { createExec, failedSession, findExec, inspectExec, startExec } from "./exec.ts";
import { onExit, onOom } from "./exits.ts";
import { changesOf, exportContainer, getArchive, namingFile, putArchive, statPath } from "./files.ts";
import { actOnUnhealthy } from "./health-action.ts";
import { hasProcess, isActive, refuse } from "./lifecycle.ts";
import { removeLink } from "./links.ts";
import { listContainers, sizesOf } from "./list.ts";
import { pruneContainers } from "./prune.ts";
import { removeContainer } from "./remove.ts";
import { type Restored, restoreContainers, resumeContainers } from "./restore.ts";
import { settlesWithin } from "./settles.ts";
import { cancelRestart, startContainer } from "./start.ts";
import { containerStats } from "./stats.ts";
import { attachContainer, containerLogs } from "./stdio.ts";
import { killContainer, restartContainer, stopAllContainers, stopContainer } from "./stop.ts";
import { topContainer } from "./top.ts";
import { checkUpdate, updateContainer } from "./update.ts";
import { inspectView } from "./views.ts";

/** How long a resize waits for its exec to start; clients ask for it at the same time as for the start. */
const execReadyMs = 10_000;

/** The containers service over the rest of the engine. Nothing is read or started before `restore`. */
export function createContainers(options: ContainersOptions): Containers {
  const ctx = createContext(options);
  ctx.unhealthy = (container) => actOnUnhealthy(ctx, container);
  /** A container that can be worked with; a broken one can only be looked at and removed. */
  const whole = (ref: string): Container => {
    const container = ctx.index.get(ref);
    if (container.broken === null) return container;
    throw systemError(`container ${container.id} cannot be used: ${container.record.state.error}`);
  };
  let restored: Restored | undefined;
  const resumed = Promise.withResolvers<void>();
  return {
    async restore() {
      // An exit is heard from now on, also one that comes while networks are restored: it is taken up after that.
      ctx.runtime.onExit((target, status) => void resumed.promise.then(() => onExit(ctx, target, status)));
      ctx.runtime.onOom((target) => onOom(ctx, target));
      restored = await restoreContainers(ctx);
      return restored.running;
    },
    async resume() {
      try {
        settleConnections(ctx);
        if (restored) await resumeContainers(ctx, restored);
      } finally {
        restored = undefined;
        resumed.resolve();
      }
    },
    stopAll() {
      ctx.closing.abort();
      return stopAllContainers(ctx, ctx.config.shutdownTimeout);
    },
    async [Symbol.asyncDispose]() {
      ctx.closing.abort();
      for (const container of ctx.index.all()) {
        cancelRestart(container);
        container.health?.[Symbol.dispose]();
      }
    },

    create(request, op) {
      ctx.cgroups.expectStart();
      return createContainer(ctx, request.body, request, op);
    },
    async start(ref, op) {
      ctx.cgroups.expectStart();
      return startContainer(ctx, whole(ref), op);
    },
    stop: async (ref, query) => stopContainer(ctx, whole(ref), query),
    restart: async (ref, query, op) => restartContainer(ctx, whole(ref), query, op),
    async kill(ref, signal) {
      // Looked up under the verb's name, as dockerd tells it.
      if (!ctx.index.find(ref)) throw notFound(`cannot kill container: ${ref}: No such container: ${ref}`);
      return killContainer(ctx, whole(ref), signal);
    },
    pause: async (ref, _op, { forNow = false } = {}) => pauseContainer(ctx, whole(ref), forNow),
    unpause: async (ref) => unpauseContainer(ctx, whole(ref)),
    async wait(ref, condition, op) {
      const gone = condition === "next-exit" || ctx.index.find(ref) ? undefined : ctx.departed.outcome(ref);
      if (gone) return { outcome: Promise.resolve(gone) };
      const outcome = waitFor(ctx.index.get(ref), condition, op);
      // Nobody may be listening any more when the request is cancelled.
      outcome.catch(() => {});
      return { outcome };
    },
    rename: async (ref, name) => renameContainer(ctx, whole(ref), name),
    async remove(ref, query) {
      if (query.link) return removeLink(ctx, ref);
      return removeContainer(ctx, ctx.index.get(ref), query);
    },
    async update(ref, changes, op) {
      const warnings = checkUpdate(ctx, changes);
      await updateContainer(ctx, whole(ref), changes, op);
      return { Warnings: warnings.length > 0 ? [...warnings] : null };
    },
    prune: (filters) => pruneContainers(ctx, filters),

    list: (query) => listContainers(ctx, query),
    async inspect(ref, query) {
      const container = ctx.index.get(ref);
      // Compose asks at each end whether that was the last one.
      if (!hasProcess(container.status)) await container.restarting;
      return inspectView(ctx, container, query.size ? await sizesOf(ctx, container) : undefined);
    },
    resolve: (ref) => ctx.index.get(ref).id,

    logs: async (ref, query, op) => containerLogs(ctx, whole(ref), query, op),
    attach: async (ref, query, op) => attachContainer(ctx, whole(ref), query, op),
    async attachAndStart(ref, query, until, op) {
      ctx.cgroups.expectStart();
      const container = whole(ref);
      const attaching = attachContainer(ctx, container, query, op);
      const outcome = waitFor(container, until, op);
      // The start awaits the one late, and nobody the other when it fails.
      for (const each of [attaching, outcome]) each.catch(() => {});
      try {
        await startContainer(ctx, container, op, attaching);
      } catch (error) {
        void attaching.then((attached) => attached.close("gone")).catch(() => {});
        throw error;
      }
      return { ...(await attaching), outcome: () => outcome };
    },
    async resize(ref, size) {
      const container = whole(ref);
      refuse("top", container);
      await ctx.runtime.resize({ containerId: container.id }, size);
      emit(ctx, container, "resize", { height: String(size.height), width: String(size.width) });
    },
    top: async (ref, psArgs) => topContainer(ctx, whole(ref), psArgs),
    stats: async (ref, query, op) => containerStats(ctx, whole(ref), query, op),

    changes: async (ref) => changesOf(ctx, whole(ref)),
    export: async (ref) => exportContainer(ctx, whole(ref)),
    statPath: async (ref, path, op) => namingFile(ref, path, statPath(ctx, whole(ref), path, op)),
    getArchive: async (ref, path, op) => namingFile(ref, path, getArchive(ctx, whole(ref), path, op)),
    putArchive: async (ref, query, tar, op) =>
      namingFile(ref, query.path, putArchive(ctx, whole(ref), query.path, tar, query, op)),

    execs: createExecs(ctx, whole),

    check: (report, { leftovers }) => checkContainers(ctx, report, leftovers),
    isKnown: (id) => isKnown(ctx, id),
    readers: (keys, images) =>
      busyContainers(ctx, keys, ({ record }) =>
        record.mounts.some(({ image }) => image !== undefined && images.has(image)),
      ),
    usersOfImage: (imageId) =>
      ctx.index
        .all()
        .filter(({ record }) => record.image === imageId || record.mounts.some(({ image }) => image === imageId))
        .map(({ id, name, status }) => ({ id, name, running: isActive(status) })),
    committable(ref) {
      const container = whole(ref);
      const { record, status } = container;
      return { record, running: hasProcess(status), committed: (image) => emit(ctx, container, "commit", image) };
    },
    setEndpoint: async (ref, network, endpoint, change) => setEndpoint(ctx, whole(ref), network, endpoint, change),
    mountsOf: (ref) => whole(ref).record.mounts,
    counts: () => countContainers(ctx),
  };
}

function createExecs(ctx: Context, whole: (ref: string) => Container): Execs {
  return {
    async create(ref, config, op) {
      ctx.cgroups.expectStart();
      return { Id: (await createExec(ctx, whole(ref), config, op)).id };
    },
    async start(id, query, op) {
      ctx.cgroups.expectStart();
      const { exec, container } = findExec(ctx, id);
      if (query.detach) return startExec(ctx, container, exec, query, op);
      return startExec(ctx, container, exec, query, op).catch((error: unknown) => failedSession(exec, error));
    },
    async resize(id, size) {
      const { exec, container } = findExec(ctx, id);
      if (!(await settlesWithin(exec.started.promise, execReadyMs))) {
        throw systemError("timeout waiting for exec session ready");
      }
      if (exec.status !== "running") throw notFound(`NotFound: process does not exist ${id}: not found`);
      await ctx.runtime.resize({ containerId: container.id, execId: id }, size);
    },
    inspect: async (id) => inspectExec(findExec(ctx, id).exec),
  };
}

async function waitFor(container: Container, condition: WaitCondition, op: Operation): Promise<ContainerWaitResponse> {
  const { exitCode } = container.record.state;
  if (condition === "not-running" && !isActive(container.status)) return { StatusCode: exitCode };
  return container.waiters.add(condition, op.signal);
}

function countContainers(ctx: Context): { total: number; running: number; paused: number; stopped: number } {
  const counts = { total: 0, running: 0, paused: 0, stopped: 0 };
  for (const { status } of ctx.index.all()) {
    counts.total++;
    if (status === "paused") counts.paused++;
    else if (status === "running" || status === "restarting") counts.running++;
    else counts.stopped++;
  }
  return counts;
}
