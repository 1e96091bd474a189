import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { platformQueries } from "../../image/platform.ts";
import { writeBody } from "../../save-file.ts";

export const command = defineCommand({
  summary: "Write images to a tar archive",
  usage: "IMAGE [IMAGE...]",
  args: { min: 1 },
  flags: {
    output: flag.string("File to write instead of standard output", { short: "o", complete: "files" }),
    platform: flag.string("Write this platform only, os[/arch[/variant]]"),
  },
  complete: "images",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    const query = { names: args, platform: platformQueries(flags.platform) };
    await writeBody(cli, { path: flags.output, what: "save image" }, () =>
      client.stream(to(paths.imageSaveMany, {}, query)),
    );
    return 0;
  },
});
