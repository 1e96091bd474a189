/** What `image explore` prints where nobody presses keys. */
import type { ImageLayers, LayerFile } from "../../../api/image-files.ts";
import { shownText } from "../../../lib/byte-text.ts";
import { humanSize } from "../../../lib/units.ts";
import { alignTable } from "../../format.ts";
import { percent } from "./draw.ts";
import { type Waste, wasteOf } from "./waste.ts";

/** Wasted paths that are told one by one in the text. */
const maxPaths = 20;

interface LayerSummary {
  readonly Digest: string;
  readonly Size: number;
  readonly Files: number;
  readonly Removed: number;
  readonly CreatedBy: string;
}

export interface ExploreSummary {
  readonly ID: string;
  readonly Size: number;
  readonly Wasted: number;
  readonly Efficiency: number;
  readonly Layers: readonly LayerSummary[];
  readonly WastedPaths: readonly { readonly Path: string; readonly Bytes: number; readonly Layers: number }[];
}

export function summaryOf(
  image: ImageLayers,
  files: readonly LayerFile[],
  waste: Waste = wasteOf(files),
): ExploreSummary {
  const byLayer = Map.groupBy(files, ({ Layer }) => Layer);
  const count = (layer: number, isCounted: (file: LayerFile) => boolean): number =>
    (byLayer.get(layer) ?? []).filter(isCounted).length;
  return {
    ID: image.ID,
    Size: waste.total,
    Wasted: waste.wasted,
    Efficiency: waste.efficiency,
    Layers: image.Layers.map(({ Blob, Size, CreatedBy }, i) => ({
      Digest: Blob.digest,
      Size,
      Files: count(i, ({ Type }) => Type !== "whiteout"),
      Removed: count(i, ({ Type, Opaque }) => Type === "whiteout" || Opaque === true),
      CreatedBy,
    })),
    WastedPaths: waste.paths.map(({ path, bytes, layers }) => ({ Path: `/${path}`, Bytes: bytes, Layers: layers })),
  };
}

export function summaryText(name: string, summary: ExploreSummary): string {
  const rows = summary.Layers.map(({ Size, Files, Removed, CreatedBy }, i) => [
    String(i),
    humanSize(Size),
    String(Files),
    String(Removed),
    shownText(CreatedBy).slice(0, 100),
  ]);
  const lines = [
    `Image:      ${shownText(name)} (${summary.ID})`,
    `Total size: ${humanSize(summary.Size)}`,
    `Wasted:     ${humanSize(summary.Wasted)}`,
    `Efficiency: ${percent(summary.Efficiency)}`,
  ];
  const wasted = summary.WastedPaths.slice(0, maxPaths).map(({ Path, Bytes, Layers }) => [
    humanSize(Bytes),
    String(Layers),
    shownText(Path),
  ]);
  const left = summary.WastedPaths.length - wasted.length;
  return [
    `${lines.join("\n")}\n\n`,
    alignTable([["LAYER", "SIZE", "FILES", "REMOVED", "CREATED BY"], ...rows]),
    wasted.length > 0 ? `\n${alignTable([["WASTED", "LAYERS", "PATH"], ...wasted])}` : "",
    left > 0 ? `... and ${left} more\n` : "",
  ].join("");
}
