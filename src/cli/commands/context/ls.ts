import { messageOf } from "../../../lib/errors.ts";
import { flag } from "../../../lib/flags.ts";
import { naturalOrder } from "../../../lib/natural-order.ts";
import { defineCommand } from "../../command.ts";
import { ellipsis } from "../../container/listing.ts";
import { contextOf } from "../../context-endpoint.ts";
import { listContexts, readContext } from "../../context-store.ts";
import { contextName, hostWarning } from "../../daemon-address.ts";
import { type Listing, printList } from "../../format.ts";

interface Row {
  name: string;
  current: boolean;
  description: string;
  endpoint: string;
  error: string;
}

const listing: Listing<Row> = {
  typeName: "*formatter.clientContextContext",
  quiet: "Name",
  columns: ["Name", "Description", "DockerEndpoint", "Error"],
  fields: {
    Current: { header: "", value: (row) => String(row.current), json: (text) => text === "true" },
    Description: { header: "DESCRIPTION", value: (row) => row.description },
    DockerEndpoint: { header: "DOCKER ENDPOINT", value: (row) => row.endpoint },
    Error: { header: "ERROR", value: (row) => ellipsis(row.error.replaceAll("\n", " "), 45) },
    Name: { header: "NAME", value: (row) => row.name },
  },
};

export const command = defineCommand({
  summary: "List contexts",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    quiet: flag.bool("Print names only", { short: "q" }),
  },
  async run(cli, { flags }) {
    const current = contextName(cli.globals, await cli.config());
    const { contexts, failures } = await listContexts(cli.configDir);
    const all = [(await contextOf(cli, "default")).meta, ...contexts];
    const rows: Row[] = all.map(({ Name, Metadata, Endpoints }) => ({
      name: Name,
      current: Name === current,
      description: Metadata.Description ?? "",
      endpoint: Endpoints.docker?.Host ?? "",
      error: "",
    }));
    if (!rows.some((row) => row.current)) {
      const error = await readContext(cli.configDir, current).then(() => "", messageOf);
      rows.push({ name: current, current: true, description: "", endpoint: "", error });
    }
    rows.sort((a, b) => naturalOrder(a.name, b.name));
    const marked =
      flags.format === "" && !flags.quiet
        ? rows.map((row) => ({ ...row, name: row.current ? `${row.name} *` : row.name }))
        : rows;
    await printList(cli, listing, marked, { format: flags.format, quiet: flags.quiet });
    if (process.env.DOCKER_HOST) cli.err(`${hostWarning("a context")}\n`);
    // One broken file is that context's fault alone: the others are listed, and it is told like Docker's client tells it.
    for (const failure of failures) cli.err(`${failure}\n`);
    return failures.length > 0 ? 1 : 0;
  },
});
