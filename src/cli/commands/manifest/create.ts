import { messageOf } from "../../../lib/errors.ts";
import { flag } from "../../../lib/flags.ts";
import { formatReference, type Reference } from "../../../lib/reference.ts";
import { defineCommand } from "../../command.ts";
import { taggedReference } from "../../image/reference.ts";
import { fetchManifest } from "../../manifest/registry.ts";
import { ManifestStore } from "../../manifest/store.ts";

export const command = defineCommand({
  summary: "Begin a list of images of several platforms, kept here until it is pushed",
  usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  args: { min: 2 },
  flags: {
    amend: flag.bool("Add to a list that is there", { short: "a" }),
    insecure: flag.bool("Let the registry be one without TLS or with an unknown certificate"),
  },
  async run(cli, { flags, args: [name = "", ...names] }) {
    const list = listReference(name);
    const store = new ManifestStore(cli.configDir);
    if (!flags.amend && (await store.list(list)) !== null)
      throw new Error("refusing to amend an existing manifest list with no --amend flag");
    const images = [];
    for (const text of names) {
      const reference = taggedReference(text);
      // What has been annotated stays so.
      const kept = await store.image(list, reference);
      images.push({ reference, image: kept ?? (await fetchImage(reference)) });
    }
    for (const { reference, image } of images) await store.save(list, reference, image);
    cli.out(`Created manifest list ${formatReference(list)}\n`);
    return 0;

    async function fetchImage(reference: Reference) {
      const found = await fetchManifest(cli, reference, flags.insecure);
      if (found.kind === "list") throw new Error(`${formatReference(reference)} is a manifest list`);
      return found.image;
    }
  },
});

function listReference(text: string): Reference {
  try {
    return taggedReference(text);
  } catch (error) {
    throw new Error(`error parsing name for manifest list ${text}: ${messageOf(error)}`);
  }
}
