import { messageOf } from "../../../lib/errors.ts";
import { flag } from "../../../lib/flags.ts";
import type { Reference } from "../../../lib/reference.ts";
import { defineCommand } from "../../command.ts";
import { taggedReference } from "../../image/reference.ts";
import { isKnownPlatform, type Platform, platformOf } from "../../manifest/platform.ts";
import { ManifestStore } from "../../manifest/store.ts";

const unknownPlatform: Platform = { architecture: "", os: "" };

export const command = defineCommand({
  summary: "Say for which platform an image of a list is",
  usage: "MANIFEST_LIST MANIFEST",
  args: { min: 2, max: 2 },
  flags: {
    arch: flag.string("Architecture"),
    os: flag.string("Operating system"),
    "os-features": flag.strings("Features of the operating system"),
    "os-version": flag.string("Version of the operating system"),
    variant: flag.string("Variant of the architecture"),
  },
  async run(cli, { flags, args: [listName = "", imageName = ""] }) {
    const list = parse("manifest list", listName);
    const reference = parse("manifest", imageName);
    const store = new ManifestStore(cli.configDir);
    const image = await store.image(list, reference);
    if (image === null) throw new Error(`manifest for image ${imageName} does not exist in ${listName}`);
    const before = image.descriptor.platform ?? unknownPlatform;
    const platform = platformOf({
      architecture: flags.arch || before.architecture,
      os: flags.os || before.os,
      "os.version": flags["os-version"] || (before["os.version"] ?? ""),
      "os.features": [...new Set([...(before["os.features"] ?? []), ...flags["os-features"]])],
      variant: flags.variant || (before.variant ?? ""),
    });
    if (!isKnownPlatform(platform))
      throw new Error(`manifest entry for image has unsupported os/arch combination: ${flags.os}/${flags.arch}`);
    await store.save(list, reference, { ...image, descriptor: { ...image.descriptor, platform } });
    return 0;
  },
});

function parse(what: string, text: string): Reference {
  try {
    return taggedReference(text);
  } catch (error) {
    throw new Error(`annotate: error parsing name for ${what} ${text}: ${messageOf(error)}`);
  }
}
