import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { writeBody } from "../../save-file.ts";

export const command = defineCommand({
  summary: "Write a volume's data as a tar archive",
  usage: "VOLUME",
  args: { min: 1, max: 1 },
  flags: { output: flag.string("File to write instead of standard output", { short: "o", complete: "files" }) },
  complete: "volumes",
  async run(cli, { flags, args: [name = ""] }) {
    const client = await cli.client();
    await writeBody(cli, { path: flags.output, what: "export volume" }, () =>
      client.stream(to(paths.volumeExport, { name })),
    );
    return 0;
  },
});
