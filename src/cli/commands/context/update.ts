import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { addFields, readEndpoint } from "../../context-endpoint.ts";
import { checkContextName, readContext, readContextTls, writeContext } from "../../context-store.ts";

export const command = defineCommand({
  summary: "Change a context",
  usage: "CONTEXT",
  args: { min: 1, max: 1 },
  flags: {
    description: flag.string("What it is for"),
    docker: {
      ...flag.map("The daemon: host=,ca=,cert=,key=,skip-tls-verify=,from="),
      kind: "stringToString",
      parse: addFields,
    },
  },
  complete: "contexts",
  async run(cli, { flags, changed, args: [name = ""] }) {
    checkContextName(name);
    const meta = await readContext(cli.configDir, name);
    let tls = await readContextTls(cli.configDir, name);
    if (flags.description) meta.Metadata.Description = flags.description;
    if (changed.has("docker")) {
      const endpoint = await readEndpoint(cli, flags.docker);
      meta.Endpoints.docker = endpoint.docker;
      tls = endpoint.tls;
    }
    await writeContext(cli.configDir, meta, tls);
    cli.out(`${name}\n`);
    cli.err(`Successfully updated context ${JSON.stringify(name)}\n`);
    return 0;
  },
});
