import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { indexFlags, serviceContainer } from "../../compose/delegate.ts";
import { command as attach } from "../container/attach.ts";

export const command = defineCommand({
  summary: "Join the standard streams of a service's running container",
  usage: "SERVICE",
  args: { min: 1, max: 1 },
  complete: "services",
  flags: {
    ...indexFlags,
    "detach-keys": flag.string("Keys that leave the container running"),
    "no-stdin": flag.bool("Leave its standard input alone"),
    "sig-proxy": flag.bool("Hand signals to the process", { initial: true }),
  },
  async run(cli, input) {
    const container = await serviceContainer(cli, input, input.args[0] ?? "", true);
    return container ? attach.run(cli, { ...input, args: [container.id] }) : 0;
  },
});
