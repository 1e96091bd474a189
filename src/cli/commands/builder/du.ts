import { paths } from "../../../api/paths.ts";
import type { BuildCache, SystemDataUsage } from "../../../api/system.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { humanSize } from "../../../lib/units.ts";
import { cacheFilter, verboseRecord } from "../../build/cache-records.ts";
import { defineCommand } from "../../command.ts";
import { alignTable } from "../../format.ts";
import { ago } from "../../times.ts";
import { checkBuilder } from "../image/build.ts";

export const command = defineCommand({
  summary: "Show what the build cache takes",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    builder: flag.string("Another builder (there is one: default)"),
    debug: flag.bool("Accepted for compatibility", { short: "D" }),
    filter: flag.filter("Show only what meets a condition (id=..., type=..., until=..., inuse=..., shared=...)", {
      short: "",
    }),
    format: flag.string("How each entry is shown: json, or a Go template"),
    verbose: flag.bool("Show all that is known of each entry"),
  },
  async run(cli, { flags }) {
    checkBuilder(flags.builder);
    const keeps = cacheFilter(flags.filter);
    const client = await cli.client();
    const usage = await client.json<SystemDataUsage>(to(paths.dataUsage, {}, { type: ["build-cache"] }));
    const records = (usage.BuildCache ?? []).filter(keeps).sort((a, b) => a.Size - b.Size);
    if (flags.format !== "") {
      const { compileFormat } = await import("../../format-template.ts");
      const template = flags.format === "json" ? null : compileFormat(flags.format);
      for (const record of records) cli.out(`${template ? template.execute(record) : JSON.stringify(record)}\n`);
      return 0;
    }
    if (flags.verbose) cli.out(records.map(verboseRecord).join("\n"));
    else cli.out(alignTable([["ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"], ...records.map(row)]));
    cli.out(totals(records));
    return 0;
  },
});

/** `*` behind an ID: it may change; behind a size: others share it. */
const row = ({ ID, Type, InUse, Size, Shared, LastUsedAt }: BuildCache): string[] => [
  `${ID}${Type.startsWith("source.") || Type === "exec.cachemount" ? "*" : ""}`,
  String(!InUse),
  `${humanSize(Size, 4)}${Shared ? "*" : ""}`,
  LastUsedAt ? ago(new Date(LastUsedAt).getTime() / 1000) : "",
];

function totals(records: readonly BuildCache[]): string {
  const sum = (some: readonly BuildCache[]): string =>
    humanSize(
      some.reduce((total, { Size }) => total + Size, 0),
      4,
    );
  const shared = records.filter(({ Shared }) => Shared);
  const lines = [
    ...(shared.length > 0
      ? [`Shared:\t\t${sum(shared)}`, `Private:\t${sum(records.filter(({ Shared }) => !Shared))}`]
      : []),
    `Reclaimable:\t${sum(records.filter(({ InUse }) => !InUse))}`,
    `Total:\t\t${sum(records)}`,
  ];
  return `${lines.join("\n")}\n`;
}
