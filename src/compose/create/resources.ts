/** Limits of a service, from its own keys and from `deploy.resources`, which wins. */
import type { HostConfig, Ulimit, DeviceRequest as WireRequest } from "../../api/host-config.ts";
import type { DeviceRequest } from "../model/devices.ts";
import type { Service } from "../model/service.ts";

export function resourcesOf(service: Service): Partial<HostConfig> {
  const { limits = {}, reservations = {} } = service.deploy?.resources ?? {};
  return {
    CpuShares: service.cpu_shares ?? 0,
    CpuPeriod: service.cpu_period ?? 0,
    CpuQuota: service.cpu_quota ?? 0,
    CpuRealtimePeriod: service.cpu_rt_period ?? 0,
    CpuRealtimeRuntime: service.cpu_rt_runtime ?? 0,
    CpuCount: service.cpu_count ?? 0,
    CpuPercent: service.cpu_percent ?? 0,
    NanoCpus: Math.round((limits.cpus ?? service.cpus ?? 0) * 1e9),
    CpusetCpus: service.cpuset ?? "",
    CgroupParent: service.cgroup_parent ?? "",
    Memory: limits.memory ?? service.mem_limit ?? 0,
    MemoryReservation: reservations.memory ?? service.mem_reservation ?? 0,
    MemorySwap: service.memswap_limit ?? 0,
    ...(service.mem_swappiness !== undefined && { MemorySwappiness: service.mem_swappiness }),
    ...(service.oom_kill_disable && { OomKillDisable: true }),
    ...pidsLimit(limits.pids ?? service.pids_limit),
    Ulimits: ulimits(service),
    Devices: (service.devices ?? [])
      .filter(({ source }) => !isCdi(source))
      .map(({ source, target, permissions }) => ({
        PathOnHost: source,
        PathInContainer: target || source,
        CgroupPermissions: permissions || "rwm",
      })),
    DeviceCgroupRules: list(service.device_cgroup_rules),
    ...deviceRequests(service, reservations.devices),
    ...blockWeights(service),
  };
}

/** An own copy; null for nothing. */
export const list = <T>(values: readonly T[] | undefined): T[] | null => (values?.length ? [...values] : null);

const isCdi = (source: string): boolean => /^[^/]+\/[^/=]+=.+$/.test(source) && !source.startsWith("/");

function pidsLimit(limit: number | undefined): Partial<HostConfig> {
  return limit ? { PidsLimit: limit } : {};
}

function ulimits({ ulimits: given = {} }: Service): Ulimit[] {
  return Object.entries(given)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([Name, { single, soft, hard }]) => ({ Name, Soft: single ?? soft ?? 0, Hard: single ?? hard ?? 0 }));
}

function deviceRequests(service: Service, reserved: readonly DeviceRequest[] = []): Partial<HostConfig> {
  const asked = [
    ...reserved.map((request) => deviceRequest(request, [])),
    ...(service.gpus ?? []).map((request) => deviceRequest(request, ["gpu"])),
  ];
  const byName = (service.devices ?? []).map(({ source }) => source).filter(isCdi);
  if (byName.length > 0) asked.push({ Driver: "cdi", Count: 0, DeviceIDs: byName, Capabilities: [], Options: {} });
  return asked.length > 0 ? { DeviceRequests: asked } : {};
}

function deviceRequest(request: DeviceRequest, always: readonly string[]): WireRequest {
  const { capabilities = [], count, device_ids = [], driver = "", options = {} } = request;
  // Without a number and without names, all there are.
  const all = count === undefined && device_ids.length === 0;
  return {
    Driver: driver,
    Count: all ? -1 : (count ?? 0),
    DeviceIDs: list(device_ids),
    Capabilities: [[...new Set([...capabilities, ...always])]],
    Options: { ...options },
  };
}

type Rates = readonly { readonly path: string; readonly rate: number }[];

function blockWeights({ blkio_config }: Service): Partial<HostConfig> {
  if (!blkio_config) return {};
  const { weight, weight_device = [] } = blkio_config;
  const rates = (list: Rates = []) => list.map(({ path, rate }) => ({ Path: path, Rate: rate }));
  return {
    BlkioWeight: weight ?? 0,
    BlkioWeightDevice: weight_device.map(({ path, weight: Weight }) => ({ Path: path, Weight })),
    BlkioDeviceReadBps: rates(blkio_config.device_read_bps),
    BlkioDeviceReadIOps: rates(blkio_config.device_read_iops),
    BlkioDeviceWriteBps: rates(blkio_config.device_write_bps),
    BlkioDeviceWriteIOps: rates(blkio_config.device_write_iops),
  };
}
