import { messageOf } from "../../../lib/errors.ts";
import { flag } from "../../../lib/flags.ts";
import { compactJson, indentJson } from "../../../lib/json-text.ts";
import type { Reference } from "../../../lib/reference.ts";
import { defineCommand } from "../../command.ts";
import { taggedReference } from "../../image/reference.ts";
import { type ImageManifest, storedForm } from "../../manifest/image-manifest.ts";
import { listText } from "../../manifest/list.ts";
import { fetchManifest } from "../../manifest/registry.ts";
import { ManifestStore, noSuchManifest } from "../../manifest/store.ts";

export const command = defineCommand({
  summary: "Show a manifest, or a list of them: one that is kept here, else the registry's",
  usage: "[MANIFEST_LIST] MANIFEST",
  args: { min: 1, max: 2 },
  flags: {
    insecure: flag.bool("Let the registry be one without TLS or with an unknown certificate"),
    verbose: flag.bool("Show the images with their platforms and layers too", { short: "v" }),
  },
  async run(cli, { flags: { insecure, verbose }, args }) {
    const reference = taggedReference(args.at(-1) ?? "");
    const store = new ManifestStore(cli.configDir);
    if (args.length === 2) {
      const image = await store.image(taggedReference(args[0] ?? ""), reference);
      if (image === null) throw noSuchManifest(reference);
      // Docker's client shows what it has filed, in which markup is escaped.
      cli.out(verbose ? verboseImage(image) : `${indentJson(compactJson(image.bytes.toString("utf8")), "\t")}\n`);
      return 0;
    }
    const kept = await store.list(reference);
    if (kept !== null) {
      cli.out(verbose ? verboseList(kept) : plainList(reference, kept));
      return 0;
    }
    const found = await fetchManifest(cli, reference, insecure);
    if (found.kind === "list") cli.out(verbose ? verboseList(found.images) : plainList(reference, found.images));
    else cli.out(verbose ? verboseImage(found.image) : `${indentJson(found.image.bytes.toString("utf8"), "\t")}\n`);
    return 0;
  },
});

const verboseImage = (image: ImageManifest): string => `${indentJson(storedForm(image), "\t")}\n`;

const verboseList = (images: readonly ImageManifest[]): string =>
  `${indentJson(`[${images.map(storedForm).join(",")}]`, "\t")}\n`;

function plainList(reference: Reference, images: readonly ImageManifest[]): string {
  try {
    return `${listText(reference, images).text}\n`;
  } catch (error) {
    throw new Error(`failed to assemble ManifestDescriptor: ${messageOf(error)}`);
  }
}
