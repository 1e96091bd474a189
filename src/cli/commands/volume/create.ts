import { paths } from "../../../api/paths.ts";
import type { Volume } from "../../../api/volumes.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { readLabels } from "../../container/env-file.ts";
import { checkLabel } from "../../container/name-checks.ts";

export const command = defineCommand({
  summary: "Create a volume",
  usage: "[VOLUME]",
  args: { min: 0, max: 1 },
  flags: {
    driver: flag.string("Driver", { short: "d", initial: "local" }),
    label: flag.list("Label (key=value)", { check: checkLabel }),
    name: flag.string("Name of the volume", { hidden: true }),
    opt: flag.map("Option of the driver", { short: "o" }),
  },
  async run(cli, { flags, args: [name = ""] }) {
    if (name && flags.name)
      throw new ExitError(
        1,
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
      );
    const client = await cli.client();
    const volume = await client.json<Volume>(to(paths.volumeCreate), {
      json: {
        Name: name || flags.name,
        Driver: flags.driver,
        DriverOpts: flags.opt,
        Labels: await readLabels([], flags.label),
      },
    });
    cli.out(`${volume.Name}\n`);
    return 0;
  },
});
