import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { inspectAll } from "../../inspect.ts";

export const command = defineCommand({
  summary: "Show everything known of volumes",
  usage: "VOLUME [VOLUME...]",
  args: { min: 1 },
  flags: {
    format: flag.string("How to print: json, or a Go template", { short: "f" }),
  },
  complete: "volumes",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return inspectAll(cli, args, flags.format, (name) => client.text(to(paths.volumeInspect, { name })));
  },
});
