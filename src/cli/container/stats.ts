/** The rows of `stats`, computed from a sample and the one before it. */
import type { ContainerStatsResponse } from "../../api/container-stats.ts";
import { paths } from "../../api/paths.ts";
import { ApiError, type Client } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { binarySize, humanSize } from "../../lib/units.ts";
import type { Listing } from "../format.ts";
import { shortId } from "./listing.ts";

export interface StatsRow {
  readonly asked: string;
  readonly id: string;
  readonly name: string;
  readonly cpu: number;
  readonly memory: number;
  readonly limit: number;
  readonly received: number;
  readonly sent: number;
  readonly read: number;
  readonly written: number;
  readonly pids: number;
}

/**
 * The rows of the containers `asked` for. One that the user named must be there; one of a list may have gone since, and is
 * dropped.
 */
export async function statsRows(client: Client, asked: readonly string[], named: boolean): Promise<StatsRow[]> {
  const rows = asked.map(async (id): Promise<StatsRow[]> => {
    try {
      const route = to(paths.containerStats, { id }, { stream: false });
      return [statsRow(id, await client.json<ContainerStatsResponse>(route))];
    } catch (error) {
      if (!named && error instanceof ApiError && error.status === 404) return [];
      throw error;
    }
  });
  return (await Promise.all(rows)).flat();
}

/** One container's numbers; a stopped one shows zeros. */
function statsRow(asked: string, stats: ContainerStatsResponse): StatsRow {
  const cpu = stats.cpu_stats;
  const before = stats.precpu_stats;
  const used = Number(cpu?.cpu_usage?.total_usage ?? 0) - Number(before?.cpu_usage?.total_usage ?? 0);
  const passed = Number(cpu?.system_cpu_usage ?? 0) - Number(before?.system_cpu_usage ?? 0);
  const cpus = Number(cpu?.online_cpus ?? 0) || 1;
  const detail: Record<string, unknown> = stats.memory_stats?.stats ?? {};
  const usage = Number(stats.memory_stats?.usage ?? 0);
  // Page cache that can be dropped at once does not count: v1 and v2 name it differently.
  const cache = Number(detail.total_inactive_file ?? detail.inactive_file ?? 0);
  const interfaces = Object.values(stats.networks ?? {});
  const blocks = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  const blockSum = (operation: string): number =>
    blocks.filter(({ op }) => op.toLowerCase() === operation).reduce((sum, { value }) => sum + Number(value), 0);
  return {
    asked,
    id: stats.id ?? "",
    name: (stats.name ?? "").replace(/^\//, ""),
    cpu: used > 0 && passed > 0 ? (used / passed) * cpus * 100 : 0,
    memory: cache < usage ? usage - cache : usage,
    limit: Number(stats.memory_stats?.limit ?? 0),
    received: interfaces.reduce((sum, { rx_bytes }) => sum + Number(rx_bytes), 0),
    sent: interfaces.reduce((sum, { tx_bytes }) => sum + Number(tx_bytes), 0),
    read: blockSum("read"),
    written: blockSum("write"),
    pids: Number(stats.pids_stats?.current ?? 0),
  };
}

export function statsListing(full: boolean): Listing<StatsRow> {
  return {
    typeName: "*container.statsContext",
    quiet: "ID",
    columns: ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
    fields: {
      BlockIO: { header: "BLOCK I/O", value: (row) => `${humanSize(row.read, 3)} / ${humanSize(row.written, 3)}` },
      CPUPerc: { header: "CPU %", value: (row) => `${row.cpu.toFixed(2)}%` },
      Container: { header: "CONTAINER", value: (row) => row.asked },
      ID: { header: "CONTAINER ID", value: (row) => (full ? row.id : shortId(row.id)) },
      MemPerc: {
        header: "MEM %",
        value: (row) => `${(row.limit > 0 ? (row.memory / row.limit) * 100 : 0).toFixed(2)}%`,
      },
      MemUsage: { header: "MEM USAGE / LIMIT", value: (row) => `${binarySize(row.memory)} / ${binarySize(row.limit)}` },
      Name: { header: "NAME", value: (row) => row.name || "--" },
      NetIO: { header: "NET I/O", value: (row) => `${humanSize(row.received, 3)} / ${humanSize(row.sent, 3)}` },
      PIDs: { header: "PIDS", value: (row) => String(row.pids) },
    },
  };
}
