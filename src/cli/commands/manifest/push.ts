import { flag } from "../../../lib/flags.ts";
import { formatReference } from "../../../lib/reference.ts";
import { defineCommand } from "../../command.ts";
import { taggedReference } from "../../image/reference.ts";
import { pushList } from "../../manifest/push.ts";
import { ManifestStore } from "../../manifest/store.ts";

export const command = defineCommand({
  summary: "Send a list to its registry",
  usage: "MANIFEST_LIST",
  args: { min: 1, max: 1 },
  flags: {
    insecure: flag.bool("Let the registry be one without TLS or with an unknown certificate"),
    purge: flag.bool("Forget the list here once it is sent", { short: "p" }),
  },
  async run(cli, { flags, args: [name = ""] }) {
    const list = taggedReference(name);
    const store = new ManifestStore(cli.configDir);
    const images = await store.existing(list);
    if (images.length === 0) throw new Error(`${formatReference(list)} not found`);
    cli.out(`${await pushList(cli, list, images, flags.insecure)}\n`);
    if (flags.purge) await store.remove(list);
    return 0;
  },
});
