import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { addFields, contextOf, readEndpoint } from "../../context-endpoint.ts";
import { refuseContextName, writeContext } from "../../context-store.ts";
import { contextName } from "../../daemon-address.ts";

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
  async run(cli, { flags, changed, args: [Name = ""] }) {
    await refuseContextName(cli.configDir, Name);
    const Description = flags.description ? { Description: flags.description } : {};
    if (flags.from && changed.has("docker")) throw new ExitError(1, "cannot use --docker flag when --from is set");
    if (flags.from || !changed.has("docker")) {
      const { meta, tls } = await contextOf(cli, flags.from || contextName(cli.globals, await cli.config()));
      await writeContext(cli.configDir, { ...meta, Name, Metadata: { ...meta.Metadata, ...Description } }, tls);
    } else {
      const { docker, tls } = await readEndpoint(cli, flags.docker);
      await writeContext(cli.configDir, { Name, Metadata: Description, Endpoints: { docker } }, tls);
    }
    cli.out(`${Name}\n`);
    cli.err(`Successfully created context ${JSON.stringify(Name)}\n`);
    return 0;
  },
});
