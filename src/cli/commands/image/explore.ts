import { flag } from "../../../lib/flags.ts";
import { stringifyJson } from "../../../lib/json.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { defineCommand } from "../../command.ts";
import { runScreen } from "../../image/explore/screen.ts";
import { newState } from "../../image/explore/state.ts";
import { summaryOf, summaryText } from "../../image/explore/summary.ts";
import { filesOf, layersOf } from "../../image/layer-files.ts";

export const command = defineCommand({
  summary: "Look through the layers of an image: what each added, and what is wasted",
  usage: "IMAGE",
  args: { min: 1, max: 1 },
  flags: {
    format: flag.string("Print a summary: json, or a Go template"),
    plain: flag.bool("Print a summary, also on a terminal"),
  },
  complete: "images",
  details:
    "Wasted are bytes in layers that no container sees, because a later layer replaces or removes the file; efficiency is the rest's part of all bytes.",
  async run(cli, { flags, args: [name = ""] }) {
    const compiled =
      flags.format === "" || flags.format === "json"
        ? null
        : (await import("../../format-template.ts")).compileFormat(flags.format);
    const client = await cli.client();
    const [image] = await layersOf(client, [name], "image explore");
    if (!image) throw new Error("the daemon tells of no image");
    const files = await filesOf(client, image.ID, {});
    if (flags.format === "" && !flags.plain && isTerminal(0) && isTerminal(1)) {
      await runScreen(newState(name, image, files), cli.stdout);
      return 0;
    }
    const summary = summaryOf(image, files);
    if (flags.format === "") cli.out(summaryText(name, summary));
    else cli.out(`${compiled ? compiled.execute(summary) : stringifyJson(summary)}\n`);
    return 0;
  },
});
