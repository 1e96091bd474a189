import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { platformQuery } from "../../image/platform.ts";
import { typedImage } from "../../image/typed-inspect.ts";
import { inspectAll } from "../../inspect.ts";

export const command = defineCommand({
  summary: "Show everything known of images",
  usage: "IMAGE [IMAGE...]",
  args: { min: 1 },
  flags: {
    format: flag.string("How to print: json, or a Go template", { short: "f" }),
    platform: flag.string("Platform of the image, os[/arch[/variant]]"),
  },
  complete: "images",
  async run(cli, { flags, args }) {
    const client = await cli.client();
    const query = { platform: platformQuery(flags.platform) };
    return inspectAll(cli, args, flags.format, (name) => client.text(to(paths.imageInspect, { name }, query)), {
      typed: typedImage,
    });
  },
});
