import type { ImageDeleteResponseItem } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { ApiError } from "../../../client/client.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { forEachName } from "../../for-each-name.ts";
import { platformQueries } from "../../image/platform.ts";

export const command = defineCommand({
  summary: "Remove images",
  usage: "IMAGE [IMAGE...]",
  args: { min: 1 },
  flags: {
    force: flag.bool("Remove it even if something uses it", { short: "f" }),
    "no-prune": flag.bool("Keep its untagged parents"),
    platform: flag.strings("Remove this platform only, os[/arch[/variant]]"),
  },
  complete: "images",
  async run(cli, { flags, args }) {
    const platforms = flags.platform.flatMap((platform) => platformQueries(platform));
    const client = await cli.client();
    // With --force what is not there counts as removed, though it is told.
    let kept = false;
    const code = await forEachName(cli, args, async (name) => {
      const removing = client.json<ImageDeleteResponseItem[]>(
        to(
          paths.imageRemove,
          { name },
          {
            force: flags.force,
            noprune: flags["no-prune"],
            platforms,
          },
        ),
      );
      const removed = await removing.catch((error: unknown) => {
        kept ||= !(error instanceof ApiError) || error.status !== 404;
        throw error;
      });
      for (const { Untagged, Deleted } of removed) {
        if (Deleted !== undefined) cli.out(`Deleted: ${Deleted}\n`);
        else cli.out(`Untagged: ${Untagged}\n`);
      }
    });
    return flags.force && !kept ? 0 : code;
  },
});
