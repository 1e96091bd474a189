import type { ContainerUpdateResponse } from "../api/containers.ts";
import type { ContainerUpdateRequest, HostConfig } from "../api/host-config.ts";
import type { EndpointSettings } from "../api/networks.ts";
import { DhowError, invalidArgument, messageOf, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { ConnectedContainer } from "../networks/networks.ts";
import type { Tx } from "../state/database.ts";
import { UniqueConflict } from "../state/record-store.ts";
import { checkRestartPolicy } from "./check-request.ts";
import type { Container } from "./container.ts";
import { nameConflict } from "./container-index.ts";
import { type Context, emit, save, saveState } from "./context.ts";
import { changeHosts } from "./hosts-file.ts";
import { hasProcess, refuse, transition } from "./lifecycle.ts";
import { checkName } from "./names.ts";
import type { ContainerRecord } from "./record.ts";

/** Freezes a container. One that is paused `forNow` is thawed by the next engine, should this one die before its unpause. */
export async function pauseContainer(ctx: Context, container: Container, forNow: boolean): Promise<void> {
  await container.lock.run(async () => {
    refuse("pause", container);
    beginPause(ctx, container.id);
    try {
      await ctx.runtime.pause(container.id);
    } catch (error) {
      // It may have been frozen before the answer was lost: the intent stands until it is known to run.
      await ctx.runtime.resume(container.id).then(
        () => ctx.db.transaction("normal", (tx) => finishPause(ctx, tx, container.id)),
        () => {},
      );
      throw error;
    }
    failPoint("containers.pause.frozen");
    saveState(ctx, container, "normal", { status: transition(container.status, "paused") }, (tx) => {
      if (!forNow) finishPause(ctx, tx, container.id);
    });
    emit(ctx, container, "pause");
  });
}

const pauseIntent = "containers.pause";

/** Until it is finished, what a crash leaves frozen is thawed. */
function beginPause(ctx: Context, subject: string): void {
  ctx.db.transaction("normal", (tx) => {
    finishPause(ctx, tx, subject);
    ctx.intents.begin(tx, { operation: pauseIntent, subject, effects: ["freezer"] });
  });
}

function finishPause(ctx: Context, tx: Tx, id: string): void {
  for (const intent of ctx.intents.pending(pauseIntent)) if (intent.subject === id) ctx.intents.finish(tx, intent.id);
}

export async function unpauseContainer(ctx: Context, container: Container): Promise<void> {
  await container.lock.run(async () => {
    refuse("unpause", container);
    beginPause(ctx, container.id);
    await ctx.runtime.resume(container.id);
    failPoint("containers.unpause.thawed");
    saveState(ctx, container, "normal", { status: transition(container.status, "resumed") }, (tx) =>
      finishPause(ctx, tx, container.id),
    );
    emit(ctx, container, "unpause");
  });
}

/** A new name; the old one is free at once. */
export async function renameContainer(ctx: Context, container: Container, wanted: string): Promise<void> {
  if (wanted === "") throw invalidArgument("Neither old nor new names may be empty");
  await container.lock.run(async () => {
    requirePresent(ctx, container);
    const old = container.name;
    if (wanted.replace(/^\//, "") === old) {
      throw invalidArgument("Renaming a container with the same name as its current name");
    }
    const name = newName(ctx, container, wanted);
    try {
      save(ctx, container, "full", { name });
    } catch (error) {
      ctx.index.release(name, container.id);
      if (error instanceof UniqueConflict) throw allocationError(nameConflict(name, error.holder));
      throw error;
    }
    failPoint("containers.rename.recorded");
    ctx.index.release(old, container.id);
    emit(ctx, container, "rename", { oldName: `/${old}` });
  });
}

/** After a wait for the lock the container may have been removed; its record must not come back. */
function requirePresent(ctx: Context, container: Container): void {
  if (container.removing || ctx.index.find(container.id) !== container) {
    throw notFound(`No such container: ${container.name}`);
  }
}

function newName(ctx: Context, container: Container, wanted: string): string {
  try {
    const name = checkName(wanted.startsWith("/") ? wanted : `/${wanted}`);
    ctx.index.reserve(name, container.id);
    return name;
  } catch (error) {
    throw allocationError(error);
  }
}

function allocationError(error: unknown): unknown {
  if (!(error instanceof DhowError)) return error;
  return new DhowError(error.kind, `Error when allocating new name: ${error.message}`, { cause: error });
}

/** New limits, at once where the container runs, and a new restart policy. What is zero or absent stays. */
export async function updateContainer(
  ctx: Context,
  container: Container,
  changes: ContainerUpdateRequest,
): Promise<ContainerUpdateResponse> {
  return container.lock.run(async () => {
    refuse("update", container);
    // Linux has no such limit any more, and dockerd keeps none.
    const { RestartPolicy, KernelMemory: _, ...resources } = changes;
    if (RestartPolicy.Name !== "") {
      checkRestartPolicy(RestartPolicy);
      if (container.record.hostConfig.AutoRemove && RestartPolicy.Name !== "no") {
        throw invalidArgument("Restart policy cannot be updated because AutoRemove is enabled for the container");
      }
    }
    requirePresent(ctx, container);
    // No limit, in either spelling.
    if (Number(resources.PidsLimit ?? 0) < 0) resources.PidsLimit = 0;
    const given = Object.entries(resources).filter(
      ([name, value]) => isGiven(value) || (name === "PidsLimit" && value !== null),
    );
    const hostConfig: HostConfig = {
      ...container.record.hostConfig,
      ...Object.fromEntries(given),
      ...(RestartPolicy.Name === "" ? {} : { RestartPolicy }),
    };
    const { record } = container;
    checkAgainst(record, changes);
    const warnings = ctx.bundles.validate({
      ...record.config,
      HostConfig: hostConfig,
      NetworkingConfig: { EndpointsConfig: {} },
    });
    if (given.length > 0 && hasProcess(container.status))
      await ctx.cgroups.update(container.record.state.pid, hostConfig);
    failPoint("containers.update.applied");
    save(ctx, container, "full", { hostConfig });
    failPoint("containers.update.recorded");
    emit(ctx, container, "update");
    return { Warnings: warnings.length > 0 ? [...warnings] : null };
  });
}

/** Refuses what contradicts the limits that the container has already. */
function checkAgainst({ id, hostConfig }: ContainerRecord, changes: ContainerUpdateRequest): void {
  const refused = (why: string) => invalidArgument(`Cannot update container ${id}: ${why}`);
  const { Memory, MemorySwap, NanoCpus, CpuPeriod, CpuQuota } = changes;
  // Unlimited swap bounds nothing; dockerd refuses here too, and then no memory limit can ever be set.
  if (Memory > hostConfig.MemorySwap && hostConfig.MemorySwap > 0 && !MemorySwap) {
    throw refused(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
  const clash = (what: string, set: string) =>
    refused(`Conflicting options: ${what} cannot be updated as ${set} has already been set`);
  if (NanoCpus > 0 && hostConfig.CpuPeriod > 0) throw clash("Nano CPUs", "CPU Period");
  if (NanoCpus > 0 && hostConfig.CpuQuota > 0) throw clash("Nano CPUs", "CPU Quota");
  if (CpuPeriod > 0 && hostConfig.NanoCpus > 0) throw clash("CPU Period", "NanoCPUs");
  if (CpuQuota > 0 && hostConfig.NanoCpus > 0) throw clash("CPU Quota", "NanoCPUs");
}

function isGiven(value: unknown): boolean {
  if (value === null || value === undefined || value === "" || value === 0 || value === false) return false;
  return !(Array.isArray(value) && value.length === 0);
}

/** Records what the container asks of a network, null being nothing, after `whileRunning` where it has a process. */
export async function setEndpoint(
  ctx: Context,
  container: Container,
  network: string,
  endpoint: EndpointSettings | null,
  whileRunning: (container: ConnectedContainer) => Promise<EndpointSettings>,
): Promise<void> {
  await container.lock.run(async () => {
    requirePresent(ctx, container);
    const { id: containerId, name, config } = container.record;
    const changed = hasProcess(container.status)
      ? await whileRunning({ containerId, name, hostname: config.Hostname })
      : undefined;
    const { [network]: _, ...others } = container.record.endpoints;
    save(ctx, container, "full", { endpoints: endpoint ? { ...others, [network]: endpoint } : others });
    try {
      if (changed) changeHosts(ctx, container, endpoint ? "add" : "remove", changed.IPAddress);
    } catch (error) {
      ctx.log(`container ${containerId}: its /etc/hosts: ${messageOf(error)}`);
    }
  });
}
