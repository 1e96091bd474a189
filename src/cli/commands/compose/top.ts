import type { ContainerTopResponse } from "../../../api/containers.ts";
import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { defineCommand } from "../../command.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";
import { alignTable } from "../../format.ts";

export const command = defineCommand({
  summary: "List the processes of services",
  usage: "[SERVICES...]",
  args: { min: 0 },
  complete: "services",
  flags: dryRunFlag,
  async run(cli, input) {
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, input.args);
    const running = containersOf(observed, input.args, project).filter(({ state }) => state === "running");
    const tops = await Promise.all(
      running.map(async (container) => ({
        container,
        top: await scope.client.json<ContainerTopResponse>(to(paths.containerTop, { id: container.id })),
      })),
    );
    const titles = [...new Set(tops.flatMap(({ top }) => top.Titles))];
    if (titles.length === 0) return 0;
    const rows = tops.flatMap(({ container, top }) =>
      top.Processes.map((process) => [
        container.service,
        String(container.number),
        ...titles.map((title) => process[top.Titles.indexOf(title)] ?? "-"),
      ]),
    );
    cli.out(alignTable([["SERVICE", "#", ...titles], ...rows]));
    return 0;
  },
});
