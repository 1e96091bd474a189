import { observeImages } from "../../../compose/observe.ts";
import { flag } from "../../../lib/flags.ts";
import { humanSize } from "../../../lib/units.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { checkServices, containersOf } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";
import { shortId } from "../../container/listing.ts";
import { alignTable } from "../../format.ts";
import { splitReference } from "../../image/pull.ts";
import { ago } from "../../times.ts";

export const command = defineCommand({
  summary: "List the images that the project's containers were made of",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    format: flag.string("How to print: table or json", { initial: "table", complete: ["table", "json"] }),
    quiet: flag.bool("Print IDs only", { short: "q" }),
  },
  async run(cli, input) {
    const { flags, args } = input;
    if (flags.format !== "table" && flags.format !== "json")
      throw new ExitError(1, `unsupported format ${JSON.stringify(flags.format)}`);
    const scope = await Scope.open(cli, input);
    const { project, observed } = await scope.found();
    checkServices(project, args);
    const containers = containersOf(observed, args, project);
    const images = await observeImages(
      scope.client,
      containers.map(({ summary }) => summary.ImageID),
    );
    if (flags.quiet) {
      for (const id of new Set(containers.map(({ summary }) => summary.ImageID.replace("sha256:", ""))))
        cli.out(`${id}\n`);
      return 0;
    }
    const rows = containers.map(({ name, summary }) => {
      const image = images.get(summary.ImageID);
      const { repository, tag } = splitReference(summary.Image);
      const platform = image ? [image.Os, image.Architecture, image.Variant].filter(Boolean).join("/") : "";
      return {
        name,
        id: summary.ImageID,
        repository,
        tag: tag || "latest",
        platform,
        size: image?.Size ?? 0,
        created: image?.Created,
      };
    });
    if (flags.format === "json") {
      const shown = rows.map((row) => ({
        ID: row.id,
        ContainerName: row.name,
        Repository: row.repository,
        Tag: row.tag,
        Platform: row.platform,
        Size: row.size,
        Created: row.created,
      }));
      cli.out(`${JSON.stringify(shown)}\n`);
      return 0;
    }
    const head = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"];
    const lines = rows.map((row) => [
      row.name,
      row.repository,
      row.tag,
      row.platform,
      shortId(row.id),
      humanSize(row.size, 3),
      row.created ? ago(Math.floor(Date.parse(row.created) / 1000)) : "N/A",
    ]);
    cli.out(alignTable([head, ...lines]));
    return 0;
  },
});
