import { defineCommand, ExitError } from "../../command.ts";
import { maxArchiveBytes, readContextArchive } from "../../context-archive.ts";
import { refuseContextName, writeContext } from "../../context-store.ts";
import { openInput } from "../../input-file.ts";

export const command = defineCommand({
  summary: "Read a context from a tar or zip archive",
  usage: "CONTEXT FILE|-",
  args: { min: 2, max: 2 },
  flags: {},
  async run(cli, { args: [Name = "", path = ""] }) {
    await refuseContextName(cli.configDir, Name);
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of await openInput(path)) {
      pieces.push(piece);
      size += piece.length;
      if (size > maxArchiveBytes) throw new ExitError(1, "context archive is too large");
    }
    const { meta, tls } = readContextArchive(Buffer.concat(pieces));
    await writeContext(cli.configDir, { ...meta, Name }, tls);
    cli.out(`${Name}\n`);
    cli.err(`Successfully imported context ${JSON.stringify(Name)}\n`);
    return 0;
  },
});
