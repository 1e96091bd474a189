import { flag } from "../../../lib/flags.ts";
import { commit, version } from "../../../lib/version.ts";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  summary: "Show the version of what builds",
  usage: "",
  args: { min: 0, max: 0 },
  flags: { debug: flag.bool("Accepted for compatibility", { short: "D" }) },
  async run(cli) {
    cli.out(`dhow/buildx ${version} ${commit}\n`);
    return 0;
  },
});
