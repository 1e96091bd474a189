import { orphansOf } from "../../../compose/plan/orphans.ts";
import { planKill, planRemove } from "../../../compose/plan/verbs.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Send a signal to the containers of services",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    "remove-orphans": flag.bool("Remove containers of services that the file does not have"),
    signal: flag.string("The signal", { short: "s", initial: "SIGKILL" }),
  },
  async run(cli, input) {
    const { flags, args } = input;
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const orphans = flags["remove-orphans"] ? orphansOf(project, observed) : [];
    const gone = new Set(orphans.map(({ id }) => id));
    const containers = containersOf(observed, args, project).filter(({ id }) => !gone.has(id));
    const plan = planKill(containers, flags.signal);
    if (plan.operations.length === 0) cli.err("no container to kill\n");
    await scope.run(plan, scope.performContext(project, observed));
    if (orphans.length > 0) {
      const removal = planRemove(project, orphans, { stop: true, volumes: false });
      await scope.run(removal, scope.performContext(project, observed));
    }
    return 0;
  },
});
