import { readFileSync } from "node:fs";
import { flag } from "../../../lib/flags.ts";
import { parsePlatform, platformMatch } from "../../../lib/platform.ts";
import { formatReference } from "../../../lib/reference.ts";
import { progressFlag } from "../../build/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { taggedReference } from "../../image/reference.ts";
import type { ImageManifest } from "../../manifest/image-manifest.ts";
import { listText } from "../../manifest/list.ts";
import { pushList } from "../../manifest/push.ts";
import { fetchManifest } from "../../manifest/registry.ts";

export const command = defineCommand({
  summary: "Put images of a registry under one name",
  usage: "[SOURCE...]",
  args: { min: 0 },
  flags: {
    annotation: flag.list("Annotation of the index (not supported yet)"),
    append: flag.bool("Keep what the name stands for already"),
    builder: flag.string("Another builder (there is one: default)"),
    debug: flag.bool("Accepted for compatibility", { short: "D" }),
    "dry-run": flag.bool("Show the index instead of sending it"),
    file: flag.list("File with the name of a source", { short: "f", complete: "files" }),
    platform: flag.list("Only images of this platform", { short: "p" }),
    "prefer-index": flag.bool("Accepted for compatibility: the result is always an index", { initial: true }),
    progress: progressFlag,
    tag: flag.list("Name of the index", { short: "t" }),
  },
  async run(cli, { flags, args }) {
    if (flags.annotation.length > 0)
      throw new ExitError(1, "ERROR: --annotation is not supported by imagetools create yet");
    const sources = [...flags.file.map((path) => readFileSync(path, "utf8").trim()), ...args];
    const [first, ...others] = flags.tag.map(taggedReference);
    if (!first && !flags["dry-run"])
      throw new ExitError(1, "ERROR: can't push without any repositories specified: give a name with --tag");
    if (flags.append && !first) throw new ExitError(1, "ERROR: can't append without a name (--tag)");
    if (sources.length === 0 && !flags.append) throw new ExitError(1, "ERROR: no sources specified");
    const references = [...(flags.append && first ? [first] : []), ...sources.map(taggedReference)];
    const found: ImageManifest[] = [];
    for (const reference of references) {
      const each = await fetchManifest(cli, reference, isLoopback(reference.domain));
      found.push(...(each.kind === "list" ? each.images : [each.image]));
    }
    const images = distinct(found).filter(({ descriptor }) => isWanted(descriptor.platform, flags.platform));
    if (images.length === 0) throw new ExitError(1, "ERROR: no image of the sources is of a platform that is wanted");
    const target = first ?? references[0];
    if (!target) return 0;
    if (flags["dry-run"]) {
      cli.out(`${listText(target, images).text}\n`);
      return 0;
    }
    for (const each of [target, ...others]) {
      cli.out(`${formatReference(each)} ${await pushList(cli, each, images, isLoopback(each.domain))}\n`);
    }
    return 0;
  },
});

/** A registry on this host may be one without TLS, as for a daemon. */
const isLoopback = (domain: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(domain);

/** The last of those with the same digest counts, as what is appended replaces. */
const distinct = (images: readonly ImageManifest[]): ImageManifest[] => [
  ...new Map(images.map((image) => [image.descriptor.digest, image])).values(),
];

function isWanted(platform: ImageManifest["descriptor"]["platform"], wanted: readonly string[]): boolean {
  const all = wanted.flatMap((text) => text.split(",")).map(parsePlatform);
  if (all.length === 0) return true;
  return platform !== undefined && all.some((each) => platformMatch(each, platform) >= 0);
}
