import { paths } from "../../../api/paths.ts";
import type { Volume } from "../../../api/volumes.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { checkLabel } from "../../container/name-checks.ts";
import { openInput } from "../../input-file.ts";

export const command = defineCommand({
  summary: "Make a volume from a tar archive",
  usage: "VOLUME [FILE|-]",
  args: { min: 1, max: 2 },
  flags: { label: flag.list("Label (key=value)", { check: checkLabel }) },
  async run(cli, { flags, args: [name = "", file = "-"] }) {
    const client = await cli.client();
    const made = await client.json<Volume>(to(paths.volumeImport, { name }, { label: flags.label }), {
      headers: { "Content-Type": "application/x-tar" },
      body: await openInput(file),
    });
    cli.out(`${made.Name}\n`);
    return 0;
  },
});
