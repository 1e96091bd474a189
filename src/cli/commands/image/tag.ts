import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/client.ts";
import { defineCommand } from "../../command.ts";
import { splitReference } from "../../image/pull.ts";

export const command = defineCommand({
  summary: "Give an image a further name",
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  args: { min: 2, max: 2 },
  flags: {},
  complete: "images",
  async run(cli, { args: [source = "", target = ""] }) {
    const client = await cli.client();
    const { repository, tag } = splitReference(target);
    await client.json(to(paths.imageTag, { name: source }, { repo: repository, tag: tag || "latest" }));
    return 0;
  },
});
