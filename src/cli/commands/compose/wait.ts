import { planDown } from "../../../compose/plan/down.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";
import { beginWait } from "../../container/run.ts";

export const command = defineCommand({
  summary: "Wait until the containers of services have ended",
  usage: "SERVICE [SERVICE...]",
  args: { min: 1 },
  complete: "services",
  flags: { ...dryRunFlag, "down-project": flag.bool("Take the project down once the first has ended") },
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    const containers = containersOf(observed, args, project);
    if (containers.length === 0) throw new ExitError(1, `no containers for project ${JSON.stringify(project.name)}`);
    const ends = await Promise.all(
      containers.map(async ({ id }) => ({ id, code: (await beginWait(scope.client, id, "")).code })),
    );
    const tell = (id: string, code: number): void =>
      cli.out(`container ${JSON.stringify(id)} exited with status code ${code}\n`);
    if (flags["down-project"]) {
      const { id, code } = await Promise.race(ends.map(async (end) => ({ id: end.id, code: await end.code })));
      tell(id, code);
      const plan = planDown(project, observed, {
        services: [],
        removeOrphans: true,
        ignoreOrphans: true,
        volumes: false,
        images: "",
      });
      await scope.run(plan, scope.performContext(project, observed));
      return code;
    }
    let last = 0;
    await Promise.all(
      ends.map(async (end) => {
        last = await end.code;
        tell(end.id, last);
      }),
    );
    return last;
  },
});
