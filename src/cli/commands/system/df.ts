import { paths } from "../../../api/paths.ts";
import type { SystemDataUsage } from "../../../api/system.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { humanSize } from "../../../lib/units.ts";
import { defineCommand } from "../../command.ts";
import { type Listing, printList } from "../../format.ts";

interface Row {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
  readonly percent: boolean;
}

const listing: Listing<Row> = {
  raw: {
    full: "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n",
    quiet: "type: {{.Type}}",
  },
  typeName: "*formatter.diskUsageImagesContext",
  quiet: "Type",
  columns: ["Type", "TotalCount", "Active", "Size", "Reclaimable"],
  fields: {
    Active: { header: "ACTIVE", value: (row) => String(row.active) },
    Reclaimable: {
      header: "RECLAIMABLE",
      value: ({ size, reclaimable, percent }) => {
        const share = percent && size > 0 ? ` (${Math.floor((reclaimable * 100) / size)}%)` : "";
        return `${humanSize(reclaimable)}${share}`;
      },
    },
    Size: { header: "SIZE", value: (row) => humanSize(row.size) },
    TotalCount: { header: "TOTAL", value: (row) => String(row.total) },
    Type: { header: "TYPE", value: (row) => row.type },
  },
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function summarize(usage: SystemDataUsage): Row[] {
  const images = usage.Images ?? [];
  const containers = usage.Containers ?? [];
  const volumes = usage.Volumes ?? [];
  const cache = usage.BuildCache ?? [];
  const used = sum(
    images
      .filter((image) => image.Containers > 0)
      .map((image) => (image.Size > 0 && image.SharedSize >= 0 ? image.Size - image.SharedSize : 0)),
  );
  const alive = containers.filter(({ State }) => ["running", "paused", "restarting"].includes(State));
  const size = sum(containers.map(({ SizeRw = 0 }) => SizeRw));
  const volumeSize = (each: (typeof volumes)[number]): number => Math.max(0, each.UsageData?.Size ?? 0);
  return [
    {
      type: "Images",
      total: images.length,
      active: images.filter((image) => image.Containers > 0).length,
      size: usage.LayersSize,
      reclaimable: Math.max(0, usage.LayersSize - used),
      percent: true,
    },
    {
      type: "Containers",
      total: containers.length,
      active: alive.length,
      size,
      reclaimable: size - sum(alive.map(({ SizeRw = 0 }) => SizeRw)),
      percent: true,
    },
    {
      type: "Local Volumes",
      total: volumes.length,
      active: volumes.filter((each) => (each.UsageData?.RefCount ?? 0) > 0).length,
      size: sum(volumes.map(volumeSize)),
      reclaimable: sum(volumes.filter((each) => (each.UsageData?.RefCount ?? 0) === 0).map(volumeSize)),
      percent: true,
    },
    {
      type: "Build Cache",
      total: cache.length,
      active: cache.filter(({ InUse }) => InUse).length,
      size: sum(cache.map(({ Size }) => Size)),
      reclaimable: sum(cache.filter(({ InUse, Shared }) => !InUse && !Shared).map(({ Size }) => Size)),
      percent: false,
    },
  ];
}

export const command = defineCommand({
  summary: "Show how much disk the daemon uses",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    format: flag.string("How to print: table, json, or a Go template"),
    verbose: flag.bool("Show every object", { short: "v" }),
  },
  async run(cli, { flags }) {
    const client = await cli.client();
    const usage = await client.json<SystemDataUsage>(to(paths.dataUsage));
    if (!flags.verbose) {
      await printList(cli, listing, summarize(usage), { format: flags.format });
      return 0;
    }
    const { printVerbose } = await import("../../system/verbose-usage.ts");
    await printVerbose(cli, usage, flags.format);
    return 0;
  },
});
