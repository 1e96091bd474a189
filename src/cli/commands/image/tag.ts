import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { isIdPrefix, repositoryOf } from "../../../lib/reference.ts";
import { defineCommand } from "../../command.ts";
import { tagReference } from "../../image/reference.ts";

export const command = defineCommand({
  summary: "Give an image a further name",
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  args: { min: 2, max: 2 },
  flags: {},
  complete: "images",
  async run(cli, { args: [source = "", target = ""] }) {
    const client = await cli.client();
    if (!isIdPrefix(source)) tagReference(source);
    const wanted = tagReference(target);
    if (wanted.digest !== null) throw new Error("refusing to create a tag with a digest reference");
    const query = { repo: repositoryOf(wanted), tag: wanted.tag ?? "latest" };
    await client.json(to(paths.imageTag, { name: source }, query));
    return 0;
  },
});
