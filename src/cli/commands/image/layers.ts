import { flag } from "../../../lib/flags.ts";
import { humanSize } from "../../../lib/units.ts";
import { defineCommand } from "../../command.ts";
import { type Listing, printList } from "../../format.ts";
import { layersOf } from "../../image/layer-files.ts";
import { blobsOf } from "../../image/transfer.ts";

/** One layer of one image. */
interface LayerRow {
  readonly image: string;
  readonly digest: string;
  readonly diffId: string;
  readonly blobSize: number;
  readonly size: number;
  readonly createdBy: string;
}

const listing: Listing<LayerRow> = {
  typeName: "*formatter.layerContext",
  quiet: "Digest",
  columns: ["Image", "Digest", "BlobSize", "Size", "CreatedBy"],
  fields: {
    Image: { header: "IMAGE", value: ({ image }) => image },
    Digest: { header: "DIGEST", value: ({ digest }) => digest },
    DiffID: { header: "DIFF ID", value: ({ diffId }) => diffId },
    BlobSize: { header: "BLOB SIZE", value: ({ blobSize }) => humanSize(blobSize) },
    Size: { header: "SIZE", value: ({ size }) => humanSize(size) },
    CreatedBy: { header: "CREATED BY", value: ({ createdBy }) => createdBy },
  },
};

const shownCommand = 45;

export const command = defineCommand({
  summary: "List the layers that images are stored as",
  usage: "[IMAGE...]",
  args: { min: 0 },
  flags: {
    format: flag.string("How to print: table, table TEMPLATE, json, or a Go template"),
    "no-trunc": flag.bool("Cut nothing short"),
    quiet: flag.bool("Print the digests of all blobs only, each once", { short: "q" }),
  },
  complete: "images",
  async run(cli, { flags, args }) {
    const images = await layersOf(await cli.client(), args, "image layers");
    if (flags.quiet && flags.format === "") {
      for (const { digest } of blobsOf(images)) cli.out(`${digest}\n`);
      return 0;
    }
    const cut = (text: string, length: number): string =>
      flags["no-trunc"] || text.length <= length ? text : `${text.slice(0, length - 1)}…`;
    const rows = images.flatMap(({ ID, RepoTags, Layers }) =>
      Layers.map(({ Blob, DiffID, Size, CreatedBy }): LayerRow => {
        const short = (digest: string): string => (flags["no-trunc"] ? digest : digest.slice(7, 19));
        return {
          image: RepoTags[0] ?? short(ID),
          digest: short(Blob.digest),
          diffId: short(DiffID),
          blobSize: Blob.size,
          size: Size,
          createdBy: cut(CreatedBy, shownCommand),
        };
      }),
    );
    await printList(cli, listing, rows, { format: flags.format, quiet: flags.quiet });
    return 0;
  },
});
