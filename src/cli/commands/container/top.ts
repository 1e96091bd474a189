import type { ContainerTopResponse } from "../../../api/containers.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  summary: "List the processes of a container",
  usage: "CONTAINER [ps OPTIONS]",
  args: { min: 1 },
  flags: {},
  interspersed: false,
  complete: "running",
  async run(cli, { args: [name = "", ...options] }) {
    const client = await cli.client();
    const { Titles, Processes } = await client.json<ContainerTopResponse>(
      to(paths.containerTop, { id: name }, { ps_args: options.join(" ") }),
    );
    const rows = [Titles, ...Processes];
    const widths = Titles.map((_, i) => Math.max(20, ...rows.map((row) => (row[i] ?? "").length + 3)));
    for (const row of rows) {
      cli.out(`${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join("")}\n`);
    }
    return 0;
  },
});
