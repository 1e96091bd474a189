import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { writeBody } from "../../save-file.ts";

export const command = defineCommand({
  summary: "Write a container's file system as a tar archive",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  flags: { output: flag.string("File to write instead of standard output", { short: "o", complete: "files" }) },
  complete: "containers",
  async run(cli, { flags, args: [name = ""] }) {
    const client = await cli.client();
    await writeBody(cli, { path: flags.output, what: "export container" }, () =>
      client.stream(to(paths.containerExport, { id: name })),
    );
    return 0;
  },
});
