import type { ContainerCPUStats, ContainerStatsResponse } from "../api/container-stats.ts";
import type { Operation } from "../lib/operation.ts";
import { pause } from "../lib/pause.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";
import { zeroTime } from "./record.ts";
import { timestamp } from "./timestamps.ts";

const sampleInterval = 1000;

/** Samples of a container's use of resources; a stopped container's are empty. Ends when the container is removed. */
export async function* containerStats(
  ctx: Context,
  container: Container,
  query: { readonly stream: boolean; readonly oneShot: boolean },
  op: Operation,
): AsyncGenerator<ContainerStatsResponse, void, undefined> {
  let before: ContainerStatsResponse | undefined;
  if (!query.oneShot && !query.stream && hasProcess(container.status)) {
    before = await sample(ctx, container, undefined);
    await pause(sampleInterval, op.signal);
  }
  while (!op.signal.aborted && ctx.index.find(container.id) === container) {
    const now = await sample(ctx, container, before);
    yield now;
    if (!query.stream) return;
    before = now;
    await pause(sampleInterval, op.signal);
  }
}

async function sample(
  ctx: Context,
  container: Container,
  before: ContainerStatsResponse | undefined,
): Promise<ContainerStatsResponse> {
  const running = hasProcess(container.status);
  const [usage, networks] = running
    ? await Promise.all([ctx.cgroups.stats(container.record.state.pid), ctx.networks.statsOf(container.id)])
    : [null, {}];
  return {
    name: `/${container.name}`,
    id: container.id,
    read: running ? timestamp() : zeroTime,
    preread: before?.read ?? zeroTime,
    pids_stats: usage?.pids_stats ?? {},
    blkio_stats: usage?.blkio_stats ?? noBlockIo,
    num_procs: 0,
    storage_stats: {},
    cpu_stats: usage?.cpu_stats ?? noCpu,
    precpu_stats: before?.cpu_stats ?? noCpu,
    memory_stats: usage?.memory_stats ?? {},
    ...(Object.keys(networks).length > 0 ? { networks } : {}),
  };
}

const noCpu: ContainerCPUStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

const noBlockIo: ContainerStatsResponse["blkio_stats"] = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};
