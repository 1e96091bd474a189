import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";

export const command = defineCommand({
  summary: "Write the project as a graph for Graphviz; `compose viz` draws it itself",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    ...dryRunFlag,
    image: flag.bool("Name the images"),
    "indentation-size": flag.int("Characters that indent a line", { initial: 1 }),
    networks: flag.bool("Name the networks of each service"),
    ports: flag.bool("Name the ports of each service"),
    spaces: flag.bool("Indent by spaces instead of tabs"),
  },
  async run(cli, input) {
    const { flags } = input;
    const size = flags["indentation-size"];
    if (size < 0 || size > 1000) throw new ExitError(1, `invalid --indentation-size ${size}`);
    const scope = await Scope.open(cli, input);
    const { vizDot } = await import("../../compose/viz-dot.ts");
    const indentation = (flags.spaces ? " " : "\t").repeat(size);
    cli.out(vizDot(await scope.project(), { ...flags, indentation }));
    return 0;
  },
});
