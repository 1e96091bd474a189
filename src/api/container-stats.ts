/** Resource usage of a container, as `GET /containers/{id}/stats` tells it. Counters are uint64. */
import type { Int64 } from "../lib/json.ts";

export interface ContainerStatsResponse {
  name: string;
  id: string;
  read: string;
  preread: string;
  pids_stats: { current?: Int64; limit?: Int64 };
  blkio_stats: ContainerBlkioStats;
  /** Windows only; always 0. */
  num_procs: number;
  storage_stats: Record<string, never>;
  cpu_stats: ContainerCPUStats;
  precpu_stats: ContainerCPUStats;
  memory_stats: ContainerMemoryStats;
  networks?: Record<string, ContainerNetworkStats>;
}

export interface ContainerBlkioStatEntry {
  major: number;
  minor: number;
  op: string;
  value: Int64;
}

export interface ContainerBlkioStats {
  io_service_bytes_recursive: ContainerBlkioStatEntry[] | null;
  io_serviced_recursive: ContainerBlkioStatEntry[] | null;
  io_queue_recursive: ContainerBlkioStatEntry[] | null;
  io_service_time_recursive: ContainerBlkioStatEntry[] | null;
  io_wait_time_recursive: ContainerBlkioStatEntry[] | null;
  io_merged_recursive: ContainerBlkioStatEntry[] | null;
  io_time_recursive: ContainerBlkioStatEntry[] | null;
  sectors_recursive: ContainerBlkioStatEntry[] | null;
}

export interface ContainerCPUStats {
  /** Nanoseconds. */
  cpu_usage: {
    total_usage: Int64;
    percpu_usage?: Int64[];
    usage_in_kernelmode: Int64;
    usage_in_usermode: Int64;
  };
  system_cpu_usage?: Int64;
  online_cpus?: number;
  throttling_data: { periods: Int64; throttled_periods: Int64; throttled_time: Int64 };
}

export interface ContainerMemoryStats {
  usage?: Int64;
  max_usage?: Int64;
  stats?: Record<string, Int64>;
  failcnt?: Int64;
  limit?: Int64;
}

export interface ContainerNetworkStats {
  rx_bytes: Int64;
  rx_packets: Int64;
  rx_errors: Int64;
  rx_dropped: Int64;
  tx_bytes: Int64;
  tx_packets: Int64;
  tx_errors: Int64;
  tx_dropped: Int64;
}
