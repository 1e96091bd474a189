import { composeVersion } from "../../../compose/labels.ts";
import { flag } from "../../../lib/flags.ts";
import { version } from "../../../lib/version.ts";
import { defineCommand } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";

export const command = defineCommand({
  summary: "Print the version of Compose",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    ...dryRunFlag,
    format: flag.string("How to print: pretty or json", { short: "f", complete: ["pretty", "json"] }),
    short: flag.bool("Print the number only"),
  },
  async run(cli, { flags }) {
    const shown = `${composeVersion}+dhow.${version}`;
    if (flags.short) cli.out(`${shown}\n`);
    else if (flags.format === "json") cli.out(`${JSON.stringify({ version: `v${shown}` })}\n`);
    else cli.out(`Docker Compose version v${shown}\n`);
    return 0;
  },
});
