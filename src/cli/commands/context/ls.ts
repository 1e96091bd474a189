import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { listContexts } from "../../context-store.ts";
import { contextName, defaultAddress, hostWarning } from "../../daemon-address.ts";
import { type Listing, printList } from "../../format.ts";

interface Row {
  name: string;
  current: boolean;
  description: string;
  endpoint: string;
}

const listing: Listing<Row> = {
  typeName: "*formatter.clientContextContext",
  quiet: "Name",
  columns: ["Name", "Description", "DockerEndpoint", "Error"],
  fields: {
    Current: { header: "", value: (row) => String(row.current) },
    Description: { header: "DESCRIPTION", value: (row) => row.description },
    DockerEndpoint: { header: "DOCKER ENDPOINT", value: (row) => row.endpoint },
    Error: { header: "ERROR", value: () => "" },
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
    const rows: Row[] = [
      {
        name: "default",
        current: current === "default",
        description: "Current DOCKER_HOST based configuration",
        endpoint: process.env.DOCKER_HOST || defaultAddress(cli.name),
      },
    ];
    const { contexts, failures } = await listContexts(cli.configDir);
    for (const { Name, Metadata, Endpoints } of contexts) {
      rows.push({
        name: Name,
        current: Name === current,
        description: Metadata.Description ?? "",
        endpoint: Endpoints.docker?.Host ?? "",
      });
    }
    const marked =
      flags.format === "" && !flags.quiet
        ? rows.map((row) => ({ ...row, name: row.current ? `${row.name} *` : row.name }))
        : rows;
    await printList(cli, listing, marked, { format: flags.format, quiet: flags.quiet });
    if (process.env.DOCKER_HOST) cli.err(`${hostWarning}\n`);
    // One broken file is that context's fault alone: the others are listed, and it is told like Docker's client tells it.
    for (const failure of failures) cli.err(`${failure}\n`);
    return failures.length > 0 ? 1 : 0;
  },
});
