import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { bootstrapImage } from "../../image/bootstrap.ts";

export const command = defineCommand({
  summary: "Make a base image without a registry, from a distribution's own signed packages",
  details:
    "NAME is debian:SUITE (such as debian:bookworm), or busybox. It works on any daemon: the image is made here and imported.",
  usage: "NAME",
  args: { min: 1, max: 1 },
  flags: {
    include: flag.strings("Packages to add, such as nginx,curl"),
    mirror: flag.string("Mirror to take packages from; the host's own otherwise"),
    tag: flag.string("Name of the image, NAME otherwise", { short: "t" }),
    variant: flag.string("mmdebstrap's variant", {
      initial: "minbase",
      complete: ["minbase", "apt", "essential", "custom"],
    }),
    quiet: flag.bool("Print the image's ID only", { short: "q" }),
  },
  async run(cli, { flags, args: [name = ""] }) {
    await bootstrapImage(cli, { name, ...flags, tag: flags.tag || name });
    return 0;
  },
});
