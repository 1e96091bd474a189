import type { IDResponse } from "../../../api/exec.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { splitReference } from "../../image/pull.ts";
import { checkNewName } from "../../image/reference.ts";

export const command = defineCommand({
  summary: "Make an image of a container",
  usage: "CONTAINER [REPOSITORY[:TAG]]",
  args: { min: 1, max: 2 },
  flags: {
    author: flag.string("Who made it", { short: "a" }),
    change: flag.list("Dockerfile instruction to apply", { short: "c" }),
    message: flag.string("What was done", { short: "m" }),
    pause: flag.bool("Freeze the container meanwhile", { short: "p", initial: true }),
  },
  complete: { byPlace: ["containers"] },
  async run(cli, { flags, args: [name = "", reference = ""] }) {
    checkNewName(reference);
    const client = await cli.client();
    const { repository, tag } = splitReference(reference);
    const { Id } = await client.json<IDResponse>(
      to(
        paths.commit,
        {},
        {
          container: name,
          repo: repository,
          tag,
          comment: flags.message,
          author: flags.author,
          changes: flags.change,
          pause: flags.pause ? undefined : false,
        },
      ),
      { json: {} },
    );
    cli.out(`${Id}\n`);
    return 0;
  },
});
