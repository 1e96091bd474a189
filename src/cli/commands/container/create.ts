import { defineCommand } from "../../command.ts";
import { createFlags } from "../../container/create-flags.ts";
import { createRequest } from "../../container/create-request.ts";
import { createContainer, failureOf } from "../../container/run.ts";

export const command = defineCommand({
  summary: "Create a container without starting it",
  usage: "IMAGE [COMMAND] [ARG...]",
  args: { min: 1 },
  flags: createFlags,
  interspersed: false,
  complete: "images",
  async run(cli, { flags, changed, args }) {
    const config = await cli.config();
    const { address } = await cli.daemon();
    const context = { flags, changed, args, detach: false, config, daemonAddress: address };
    const body = await createRequest(context).catch((error: unknown) => {
      throw failureOf(cli, "create", error);
    });
    const { id } = await createContainer(cli, await cli.client(), flags, body, false);
    cli.out(`${id}\n`);
    return 0;
  },
});
