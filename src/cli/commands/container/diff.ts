import type { FilesystemChange } from "../../../api/containers.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  summary: "List the files that differ from the image",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  flags: {},
  complete: "containers",
  async run(cli, { args: [name = ""] }) {
    const client = await cli.client();
    const changes = await client.json<FilesystemChange[] | null>(to(paths.containerChanges, { id: name }));
    for (const { Path, Kind } of changes ?? []) cli.out(`${"CAD"[Kind]} ${Path}\n`);
    return 0;
  },
});
