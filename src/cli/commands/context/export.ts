import { isTerminal } from "../../../lib/terminal.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { contextTar } from "../../context-archive.ts";
import { contextOf } from "../../context-endpoint.ts";
import { checkContextName } from "../../context-store.ts";
import { FileError } from "../../text-file.ts";

export const command = defineCommand({
  summary: "Write a context to a tar archive",
  usage: "CONTEXT [FILE|-]",
  args: { min: 1, max: 2 },
  flags: {},
  complete: { byPlace: ["contexts", null] },
  async run(cli, { args: [name = "", path = `${name}.dockercontext`] }) {
    if (name !== "default") checkContextName(name);
    const bytes = contextTar(await contextOf(cli, name));
    if (path === "-") {
      if (isTerminal(1)) throw new ExitError(1, "cowardly refusing to export to a terminal, specify a file path");
      await cli.stdout.bytes(bytes);
      return 0;
    }
    const { open, unlink } = await import("node:fs/promises");
    // It may hold a private key: nobody else's to read, and never over another file.
    const file = await open(path, "wx", 0o600).catch((cause: unknown) => {
      throw new FileError("open", path, cause);
    });
    try {
      await file.writeFile(bytes);
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
    cli.err(`Written file ${JSON.stringify(path)}\n`);
    return 0;
  },
});
