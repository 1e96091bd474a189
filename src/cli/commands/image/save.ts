import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { platformQueries } from "../../image/platform.ts";
import { readDigests, savedParts } from "../../image/transfer.ts";
import { ofDhow } from "../../own-route.ts";
import { writeBody } from "../../save-file.ts";

export const command = defineCommand({
  summary: "Write images to a tar archive",
  usage: "IMAGE [IMAGE...]",
  args: { min: 1 },
  flags: {
    output: flag.string("File to write instead of standard output", { short: "o", complete: "files" }),
    platform: flag.string("Write this platform only, os[/arch[/variant]]"),
    without: flag.string("Leave out the layers whose digests are in this file (- for standard input)", {
      complete: "files",
    }),
  },
  complete: "images",
  details:
    "What `dhow image layers -q` prints at another engine is a file for --without: dhow save --without <(ssh far dhow image layers -q) app | ssh far dhow load",
  async run(cli, { flags, changed, args }) {
    const client = await cli.client();
    const platforms = platformQueries(flags.platform, "invalid platform: ");
    const without = changed.has("without") ? await readDigests(flags.without) : null;
    await writeBody(cli, { path: flags.output, what: "save image" }, () =>
      without === null
        ? client.stream(to(paths.imageSaveMany, {}, { names: args, platform: platforms }))
        : ofDhow("save --without", () =>
            savedParts(client, { Names: [...args], Platforms: platforms, Without: without }),
          ),
    );
    return 0;
  },
});
