import type { ContainerUpdateResponse } from "../../../api/containers.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { resourceFlags } from "../../container/create-flags.ts";
import { addPair } from "../../container/env-file.ts";
import { checkLabel } from "../../container/name-checks.ts";
import { type PublishedPorts, publishPort } from "../../container/ports.ts";
import { resources, restartPolicy } from "../../container/resources.ts";
import { forEachName } from "../../for-each-name.ts";

export const command = defineCommand({
  summary: "Change limits, restart policy, labels, log options and published ports of containers",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: {
    ...resourceFlags,
    "label-add": flag.list("Label to set (key=value)", { check: checkLabel }),
    "label-rm": flag.list("Label to take away"),
    "log-opt": flag.list("Option of the log driver"),
    "publish-add": flag.list("Port to publish, as run's --publish"),
    "publish-rm": flag.list("Published port to take back"),
    restart: flag.string("When to start it again after it ended"),
  },
  complete: "containers",
  async run(cli, { flags, changed, args }) {
    if (changed.size === 0) throw new ExitError(1, "you must provide one or more flags when using this command");
    const client = await cli.client();
    const policy = changed.has("restart") ? restartPolicy(flags.restart) : { Name: "", MaximumRetryCount: 0 };
    const { PidsLimit, ...limits } = resources(flags);
    const json = {
      ...limits,
      ...(changed.has("pids-limit") && { PidsLimit }),
      RestartPolicy: policy,
      ...(changed.has("publish-add") && { PublishAdd: bindingsOf(flags["publish-add"]) }),
      ...(changed.has("publish-rm") && { PublishRemove: bindingsOf(flags["publish-rm"]) }),
      ...(changed.has("label-add") && { LabelsAdd: pairs(flags["label-add"]) }),
      ...(changed.has("label-rm") && { LabelsRemove: flags["label-rm"] }),
      ...(changed.has("log-opt") && { LogOptions: pairs(flags["log-opt"]) }),
    };
    return forEachName(cli, args, async (name) => {
      const { Warnings } = await client.json<ContainerUpdateResponse>(to(paths.containerUpdate, { id: name }), {
        json,
      });
      for (const warning of Warnings ?? []) cli.err(`${warning}\n`);
      cli.out(`${name}\n`);
    });
  },
});

function bindingsOf(specs: readonly string[]): PublishedPorts["bindings"] {
  const ports: PublishedPorts = { exposed: {}, bindings: {} };
  for (const spec of specs) publishPort(spec, ports);
  return ports.bindings;
}

function pairs(texts: readonly string[]): Record<string, string> {
  const given: Record<string, string> = {};
  for (const text of texts) addPair(given, text);
  return given;
}
