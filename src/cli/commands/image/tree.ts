import type { ImageInspect, ImageSummary } from "../../../api/images.ts";
import { paths } from "../../../api/paths.ts";
import { ApiError } from "../../../client/client.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { stringifyJson } from "../../../lib/json.ts";
import { humanSize } from "../../../lib/units.ts";
import type { Cli } from "../../cli.ts";
import { defineCommand } from "../../command.ts";
import { shortId } from "../../container/listing.ts";
import { alignTable } from "../../format.ts";
import { branchesOf, type ForestImage, type ImageNode, imageForest, label } from "../../image/forest.ts";

export const command = defineCommand({
  summary: "Show which image stands on whose layers",
  usage: "[IMAGE]",
  args: { min: 0, max: 1 },
  flags: { format: flag.string("How to print: json, or a Go template for each tree") },
  complete: "images",
  details:
    "OWN SIZE is what an image has besides the layers of the one above it, SHARED SIZE what it has from there. With an image, only what it stands on and what stands on it is shown.",
  async run(cli, { flags, args: [name] }) {
    const compiled =
      flags.format === "" || flags.format === "json"
        ? null
        : (await import("../../format-template.ts")).compileFormat(flags.format);
    const forest = imageForest(await allImages(cli));
    const client = await cli.client();
    const shown =
      name === undefined
        ? forest
        : branchesOf(forest, (await client.json<ImageInspect>(to(paths.imageInspect, { name }))).Id);
    if (flags.format !== "") {
      for (const node of shown.map(plain)) cli.out(`${compiled ? compiled.execute(node) : stringifyJson(node)}\n`);
      return 0;
    }
    cli.out(
      alignTable([
        ["IMAGE", "IMAGE ID", "OWN SIZE", "SHARED SIZE", "SIZE"],
        ...shown.flatMap((node) => rows(node, "", "")),
      ]),
    );
    return 0;
  },
});

/** Only Docker's own routes are asked, so that any daemon can tell. */
async function allImages(cli: Cli): Promise<ForestImage[]> {
  const client = await cli.client();
  const images = await client.json<ImageSummary[]>(to(paths.imageList, {}, { all: true }));
  const known: ForestImage[] = [];
  for (const { Id, RepoTags, ParentId, Size } of images) {
    const names = (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
    try {
      const { RootFS } = await client.json<ImageInspect>(to(paths.imageInspect, { name: Id }));
      known.push({ id: Id, names, layers: RootFS.Layers ?? [], parent: ParentId, size: Number(Size) });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error; // removed meanwhile
    }
  }
  return known;
}

function rows(node: ImageNode, first: string, next: string): string[][] {
  const { image, own, children } = node;
  const row = [
    `${first}${label(image)}`,
    shortId(image.id),
    ...[own, image.size - own, image.size].map((size) => humanSize(size, 3)),
  ];
  const below = children.flatMap((child, i) => {
    const isLast = i === children.length - 1;
    return rows(child, next + (isLast ? "└── " : "├── "), next + (isLast ? "    " : "│   "));
  });
  return [row, ...below];
}

interface PlainNode {
  readonly ID: string;
  readonly RepoTags: readonly string[];
  readonly OwnSize: number;
  readonly SharedSize: number;
  readonly Size: number;
  readonly Children: readonly PlainNode[];
}

const plain = ({ image, own, children }: ImageNode): PlainNode => ({
  ID: image.id,
  RepoTags: image.names,
  OwnSize: own,
  SharedSize: image.size - own,
  Size: image.size,
  Children: children.map(plain),
});
