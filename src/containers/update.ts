/** `update`: limits, restart policy, labels, log options and published ports of a container, while it runs too. */
import { ContainerConfig } from "../api/containers.ts";
import { type ContainerUpdateRequest, HostConfig } from "../api/host-config.ts";
import { parseWire } from "../api/wire.ts";
import { invalidArgument, messageOf } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { checkLogConfig, remoteDriver } from "../logs/drivers.ts";
import { logTarget } from "../logs/log-target.ts";
import { requirePresent } from "./change.ts";
import { changedBindings, type PortChange, portChange } from "./change-ports.ts";
import { checkRestartPolicy } from "./check-request.ts";
import type { Container } from "./container.ts";
import { type Context, emit, pathsOf, save } from "./context.ts";
import { hasProcess, refuse } from "./lifecycle.ts";
import { logInfo } from "./log-info.ts";
import { inOrder, sorted } from "./merge-config.ts";
import type { ContainerRecord } from "./record.ts";
import { networkSettings } from "./views.ts";

/** Refuses what no container can be given, before anybody looks whether there is one, as dockerd does; returns warnings. */
export function checkUpdate(ctx: Context, changes: ContainerUpdateRequest): readonly string[] {
  const { RestartPolicy, Memory, MemorySwap, CpuShares: _, ...resources } = limitsOf(changes);
  if (RestartPolicy.Name !== "") checkRestartPolicy(RestartPolicy);
  // Swap without memory may be a change of swap alone, and shares are the runtime's to judge.
  const hostConfig = { ...parseWire(HostConfig, {}), ...resources, Memory, MemorySwap: Memory ? MemorySwap : 0 };
  return validate(ctx, hostConfig).warnings;
}

/** All of it, or nothing. What is zero or absent stays. */
export async function updateContainer(
  ctx: Context,
  container: Container,
  changes: ContainerUpdateRequest,
  op: Operation,
): Promise<void> {
  await container.lock.run(async () => {
    refuse("update", container);
    const { record } = container;
    const { RestartPolicy } = changes;
    if (RestartPolicy.Name !== "" && RestartPolicy.Name !== "no" && record.hostConfig.AutoRemove) {
      throw invalidArgument(
        `Cannot update container ${record.id}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
      );
    }
    requirePresent(ctx, container);
    const limits = givenLimits(changes);
    checkAgainst(record, changes);
    const changed = portChange(changes);
    const wanted = { ...changedHostConfig(container, changes, changed, ctx), ...Object.fromEntries(limits) };
    const config = changedConfig(record.config, changes, changed);
    const hostConfig = { ...wanted, ...validate(ctx, wanted, config).discarded };
    const isRunning = hasProcess(container.status);
    const exposed = Object.keys(config.ExposedPorts ?? {});
    const ports = isRunning && changed ? await ctx.networks.republish(record.id, { ...changed, exposed }, op) : null;
    let undoLimits = (): void => {};
    try {
      if (isRunning && changes.LogOptions) await changeLog(ctx, container, hostConfig);
      if (limits.length > 0 && isRunning) undoLimits = await ctx.cgroups.update(record.state.pid, hostConfig);
      failPoint("containers.update.applied");
      save(ctx, container, "full", { hostConfig, config }, (tx) => ports?.record(tx));
    } catch (error) {
      undoLimits();
      await ports?.undo();
      if (isRunning && changes.LogOptions) await changeLog(ctx, container, record.hostConfig).catch(() => {});
      throw error;
    }
    failPoint("containers.update.recorded");
    emit(ctx, container, "update");
  });
}

async function changeLog(ctx: Context, { record }: Container, hostConfig: HostConfig): Promise<void> {
  const { dir } = pathsOf(ctx, record.id);
  const info = logInfo({ ...record, hostConfig });
  const target = logTarget(hostConfig.LogConfig, info, dir);
  if (!target) return;
  const { maxSize, maxFile, compress = false } = target;
  await ctx.runtime.limitLog(record.id, { maxSize, maxFile, compress });
  await ctx.logs.change(hostConfig.LogConfig, info, dir);
}

/** Docker's part of the request. Linux has no limit of kernel memory any more, and dockerd keeps none. */
function limitsOf(changes: ContainerUpdateRequest) {
  const { KernelMemory: _, PublishAdd, PublishRemove, LabelsAdd, LabelsRemove, LogOptions, ...rest } = changes;
  return rest;
}

/** The resources that dockerd's update takes over; the others stay as the container was made. */
const changeable = [
  "BlkioWeight",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpuShares",
  "CpusetCpus",
  "CpusetMems",
  "Memory",
  "MemoryReservation",
  "MemorySwap",
  "NanoCpus",
] as const satisfies readonly (keyof ContainerUpdateRequest)[];

function givenLimits(changes: ContainerUpdateRequest): (readonly [string, unknown])[] {
  const { PidsLimit } = changes;
  // No limit, in either spelling.
  const pids = PidsLimit === null ? [] : [["PidsLimit", Number(PidsLimit) < 0 ? 0 : PidsLimit] as const];
  return [...changeable.map((name) => [name, changes[name]] as const).filter(([, value]) => isGiven(value)), ...pids];
}

function validate(ctx: Context, hostConfig: HostConfig, config?: ContainerRecord["config"]) {
  return ctx.bundles.validate({
    ...(config ?? parseWire(ContainerConfig, {})),
    HostConfig: hostConfig,
    NetworkingConfig: { EndpointsConfig: {} },
  });
}

function changedHostConfig(
  container: Container,
  changes: ContainerUpdateRequest,
  ports: PortChange | null,
  ctx: Context,
): HostConfig {
  const { record } = container;
  const { hostConfig } = record;
  const { RestartPolicy, LogOptions } = changes;
  const LogConfig = { ...hostConfig.LogConfig, Config: { ...hostConfig.LogConfig.Config, ...LogOptions } };
  if (LogOptions) {
    checkLogConfig(LogConfig);
    checkLogTarget(ctx, { ...record, hostConfig: { ...hostConfig, LogConfig } });
  }
  const PortBindings = ports
    ? changedBindings(record, ports, networkSettings(ctx, container).Ports)
    : hostConfig.PortBindings;
  if (ports) {
    ctx.networks.validate({
      networkMode: hostConfig.NetworkMode,
      endpoints: record.endpoints,
      portBindings: PortBindings,
    });
  }
  return { ...hostConfig, LogConfig, PortBindings, ...(RestartPolicy.Name === "" ? {} : { RestartPolicy }) };
}

/** Refuses at once what the next start would fail with. */
function checkLogTarget(ctx: Context, record: ContainerRecord): void {
  const { LogConfig } = record.hostConfig;
  try {
    logTarget(LogConfig, logInfo(record), pathsOf(ctx, record.id).dir);
    remoteDriver(LogConfig.Type)?.open(logInfo(record));
  } catch (error) {
    throw invalidArgument(messageOf(error));
  }
}

function changedConfig(
  config: ContainerRecord["config"],
  changes: ContainerUpdateRequest,
  ports: PortChange | null,
): ContainerRecord["config"] {
  const { LabelsAdd = {}, LabelsRemove = [] } = changes;
  const kept = Object.entries(config.Labels).filter(([name]) => !LabelsRemove.includes(name));
  const Labels = sorted({ ...Object.fromEntries(kept), ...LabelsAdd });
  const added = Object.keys(ports?.add ?? {}).map((key) => [key, {}] as const);
  const ExposedPorts = sorted({ ...config.ExposedPorts, ...Object.fromEntries(added) });
  return inOrder({ ...config, Labels, ...(added.length > 0 && { ExposedPorts }) });
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
  return value !== null && value !== undefined && value !== "" && Number(value) !== 0;
}
