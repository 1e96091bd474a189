import { flag } from "../../../lib/flags.ts";
import { builderFacts } from "../../build/builder-facts.ts";
import { defineCommand } from "../../command.ts";
import { checkBuilder } from "../image/build.ts";

export const command = defineCommand({
  summary: "Show the builder",
  usage: "[NAME]",
  args: { min: 0, max: 1 },
  flags: {
    bootstrap: flag.bool("Accepted for compatibility: the builder is there when the daemon is"),
    builder: flag.string("Another builder (there is one: default)"),
    debug: flag.bool("Accepted for compatibility", { short: "D" }),
  },
  async run(cli, { flags, args: [name = flags.builder] }) {
    checkBuilder(name);
    const { name: known, driver, endpoint, status, version, platforms, labels } = await builderFacts(cli);
    const node: (readonly [string, string])[] = [
      ["Name", known],
      ["Endpoint", endpoint],
      ["Status", status],
      ["BuildKit version", version],
      ["Platforms", platforms.join(", ")],
    ];
    const shown = node.filter(([, value]) => value !== "").map(([key, value]) => `${`${key}:`.padEnd(18)}${value}\n`);
    const marks =
      labels.size > 0
        ? `Labels:\n${[...labels]
            .sort()
            .map(([key, value]) => ` ${key}: ${value}\n`)
            .join("")}`
        : "";
    cli.out(`Name:   ${known}\nDriver: ${driver}\n\nNodes:\n${shown.join("")}${marks}`);
    return 0;
  },
});
