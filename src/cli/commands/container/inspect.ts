import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { inspectAll } from "../../inspect.ts";

export const command = defineCommand({
  summary: "Show everything known of containers",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: {
    format: flag.string("How to print: json, or a Go template", { short: "f" }),
    size: flag.bool("Show sizes", { short: "s" }),
  },
  complete: "containers",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return inspectAll(cli, args, flags.format, (name) =>
      client.text(to(paths.containerInspect, { id: name }, { size: flags.size })),
    );
  },
});
