import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { indexFlags, serviceContainer } from "../../compose/delegate.ts";
import { command as commit } from "../container/commit.ts";

export const command = defineCommand({
  summary: "Make an image of a service's container",
  usage: "SERVICE [REPOSITORY[:TAG]]",
  args: { min: 1, max: 2 },
  complete: { byPlace: ["services"] },
  flags: {
    ...indexFlags,
    author: flag.string("Who made it", { short: "a" }),
    change: flag.list("Dockerfile instruction to apply", { short: "c" }),
    message: flag.string("What was done", { short: "m" }),
    pause: flag.bool("Freeze the container meanwhile", { short: "p", initial: true }),
  },
  async run(cli, input) {
    const [service = "", ...reference] = input.args;
    const container = await serviceContainer(cli, input, service);
    return container ? commit.run(cli, { ...input, args: [container.id, ...reference] }) : 0;
  },
});
