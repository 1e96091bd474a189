import type { ContainerUpdateResponse } from "../../../api/containers.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { resourceFlags } from "../../container/create-flags.ts";
import { resources, restartPolicy } from "../../container/resources.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Change the limits and the restart policy of containers",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: { ...resourceFlags, restart: flag.string("When to start it again after it ended") },
  complete: "containers",
  async run(cli, { flags, changed, args }) {
    if (changed.size === 0) throw new ExitError(1, "you must provide one or more flags when using this command");
    const client = await cli.client();
    const policy = changed.has("restart") ? restartPolicy(flags.restart) : { Name: "", MaximumRetryCount: 0 };
    const { PidsLimit, ...limits } = resources(flags);
    const json = { ...limits, ...(changed.has("pids-limit") && { PidsLimit }), RestartPolicy: policy };
    return forEachName(cli, args, async (name) => {
      const { Warnings } = await client.json<ContainerUpdateResponse>(to(paths.containerUpdate, { id: name }), {
        json,
      });
      for (const warning of Warnings ?? []) cli.err(`${warning}\n`);
      cli.out(`${name}\n`);
    });
  },
});
