import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { addFields, readEndpoint } from "../../context-endpoint.ts";
import { readContext, readContextTls, refuseContextName, writeContext } from "../../context-store.ts";

export const command = defineCommand({
  summary: "Store a daemon under a name",
  usage: "CONTEXT",
  args: { min: 1, max: 1 },
  flags: {
    description: flag.string("What it is for"),
    docker: {
      ...flag.map("The daemon: host=,ca=,cert=,key=,skip-tls-verify=,from="),
      kind: "stringToString",
      parse: addFields,
    },
    from: flag.string("Context to copy", { complete: "contexts" }),
  },
  async run(cli, { flags, args: [Name = ""] }) {
    if (Name === "default") throw new ExitError(1, "default is a reserved name");
    await refuseContextName(cli.configDir, Name);
    if (flags.from) {
      const source = await readContext(cli.configDir, flags.from);
      const Metadata = flags.description ? { ...source.Metadata, Description: flags.description } : source.Metadata;
      await writeContext(cli.configDir, { ...source, Name, Metadata }, await readContextTls(cli.configDir, flags.from));
    } else {
      if (Object.keys(flags.docker).length === 0) throw new ExitError(1, "docker endpoint configuration is required");
      const { docker, tls } = await readEndpoint(cli.configDir, flags.docker);
      const Metadata = flags.description ? { Description: flags.description } : {};
      await writeContext(cli.configDir, { Name, Metadata, Endpoints: { docker } }, tls);
    }
    cli.out(`${Name}\n`);
    cli.err(`Successfully created context ${JSON.stringify(Name)}\n`);
    return 0;
  },
});
