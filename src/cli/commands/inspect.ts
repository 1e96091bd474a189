import { paths } from "../../api/paths.ts";
import { ApiError } from "../../client/client.ts";
import { type RouteCall, to } from "../../client/route-call.ts";
import { flag } from "../../lib/flags.ts";
import { defineCommand, ExitError } from "../command.ts";
import { typedImage } from "../image/typed-inspect.ts";
import { inspectAll } from "../inspect.ts";

/** In the order they are tried. */
const kinds: Readonly<Record<string, (name: string, size: boolean) => RouteCall>> = {
  container: (id, size) => to(paths.containerInspect, { id }, { size }),
  image: (name) => to(paths.imageInspect, { name }),
  network: (id) => to(paths.networkInspect, { id }),
  volume: (name) => to(paths.volumeInspect, { name }),
};

export const command = defineCommand({
  summary: "Show everything known of containers, images, networks and volumes",
  usage: "NAME|ID [NAME|ID...]",
  args: { min: 1 },
  flags: {
    format: flag.string("How to print: json, or a Go template", { short: "f" }),
    size: flag.bool("Show the sizes of containers", { short: "s" }),
    type: flag.string("Look among one kind only", { complete: Object.keys(kinds) }),
  },
  complete: "containers",
  async run(cli, { flags, changed, args }) {
    const client = await cli.client();
    if (changed.has("type") && flags.type === "")
      throw new ExitError(
        1,
        `type is empty: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"`,
      );
    if (flags.type && !kinds[flags.type])
      throw new ExitError(
        1,
        `unknown type: ${JSON.stringify(flags.type)}: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"`,
      );
    const tried = flags.type ? [flags.type] : Object.keys(kinds);
    const fetch = async (name: string): Promise<string> => {
      for (const kind of tried) {
        try {
          return await client.text(kinds[kind]!(name, flags.size));
        } catch (error) {
          const absent = !flags.type && error instanceof ApiError && (error.status === 404 || error.status === 400);
          if (!absent) throw error;
        }
      }
      throw new ExitError(1, `Error: No such object: ${name}`);
    };
    return inspectAll(cli, args, flags.format, fetch, { typed: typedImage });
  },
});
