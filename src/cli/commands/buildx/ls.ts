import { flag } from "../../../lib/flags.ts";
import { builderFacts } from "../../build/builder-facts.ts";
import { defineCommand } from "../../command.ts";
import { alignTable } from "../../format.ts";

export const command = defineCommand({
  summary: "List builders: there is one, the engine's own",
  usage: "",
  args: { min: 0, max: 0 },
  flags: {
    debug: flag.bool("Accepted for compatibility", { short: "D" }),
    format: flag.string("How it is shown: json, or a Go template"),
    "no-trunc": flag.bool("Accepted for compatibility: nothing is shortened"),
  },
  async run(cli, { flags }) {
    const facts = await builderFacts(cli);
    const platforms = facts.platforms.join(", ");
    if (flags.format === "json") {
      const { name, driver, status, version } = facts;
      cli.out(
        `${JSON.stringify({ Name: name, Driver: driver, Status: status, Version: version, Platforms: facts.platforms })}\n`,
      );
      return 0;
    }
    if (flags.format !== "" && flags.format !== "table") {
      const { compileFormat } = await import("../../format-template.ts");
      const row = {
        Name: `${facts.name}*`,
        DriverEndpoint: facts.driver,
        Status: facts.status,
        Buildkit: facts.version,
        Platforms: platforms,
      };
      cli.out(`${compileFormat(flags.format).execute(row)}\n`);
      return 0;
    }
    cli.out(
      alignTable([
        ["NAME/NODE", "DRIVER/ENDPOINT", "STATUS", "BUILDKIT", "PLATFORMS"],
        [`${facts.name}*`, facts.driver, "", "", ""],
        [` \\_ ${facts.name}`, ` \\_ ${facts.endpoint}`, facts.status, facts.version, platforms],
      ]),
    );
    return 0;
  },
});
