/** One screen of `image explore`, as lines that fit a terminal of any size. */
import { shownText } from "../../../lib/byte-text.ts";
import { humanSize } from "../../../lib/units.ts";
import { octal } from "../files-diff.ts";
import type { Status } from "./layer-view.ts";
import type { ExploreState, Row } from "./state.ts";

export interface Screen {
  readonly rows: number;
  readonly columns: number;
  readonly colours: boolean;
}

/** A terminal narrower than this shows one panel at a time. */
const bothPanels = 70;

/** Lines that the tree has on a screen of that height: a heading and the keys take two. */
export const pageSize = ({ rows }: Pick<Screen, "rows">): number => Math.max(1, rows - 2);

const marks: Readonly<Record<Status, string>> = { unchanged: " ", added: "+", changed: "~", removed: "-" };
const colours: Readonly<Record<Status, string>> = {
  unchanged: "",
  added: "\x1b[32m",
  changed: "\x1b[33m",
  removed: "\x1b[31m",
};
const inverse = "\x1b[7m";
const plain = "\x1b[0m";

/** Exactly `screen.rows` lines, none wider than the screen. */
export function draw(state: ExploreState, screen: Screen): string[] {
  const { rows, columns } = screen;
  const page = pageSize(screen);
  const isWide = columns >= bothPanels;
  const left = isWide ? Math.min(60, Math.floor(columns * 0.45)) : columns;
  const right = isWide ? columns - left - 1 : columns;
  const [layers, files] = [leftPanel(state, left, page), tree(state, right, page, screen.colours)];
  const heading = (text: string, isActive: boolean, width: number): string =>
    isActive ? `${inverse}${fit(` ${text}`, width)}${plain}` : fit(` ${text}`, width);
  const leftHeading = heading(`Layers of ${shownText(state.name)}`, state.panel === "layers", left);
  const rightHeading = heading(treeTitle(state), state.panel === "files", right);
  const lines = isWide
    ? [`${leftHeading}│${rightHeading}`, ...layers.map((line, i) => `${line}│${files[i] ?? ""}`)]
    : state.panel === "layers"
      ? [leftHeading, ...layers]
      : [rightHeading, ...files];
  return [...lines, fit(footer(state), columns)].slice(0, Math.max(1, rows));
}

function treeTitle({ aggregated, layer, filter }: ExploreState): string {
  const what = aggregated ? `Files, changes of layers 1 to ${layer}` : `Files, changes of layer ${layer}`;
  return filter === "" ? what : `${what}, with "${shownText(filter)}"`;
}

function footer({ typing, filter, panel }: ExploreState): string {
  if (typing) return ` Filter: ${shownText(filter)}_   (Enter keeps it, Esc drops it)`;
  const own =
    panel === "layers"
      ? "↑↓ layer  ^A all changes  ^L this layer's"
      : "↑↓←→ move  Space fold  ^Space all  ^A added  ^R removed  ^M changed  ^U unchanged  ^B attributes";
  return ` q quit  Tab panel  ^F filter  ${own}`;
}

/** Layers, then what there is to say of the selected one and of the image. */
function leftPanel(state: ExploreState, width: number, height: number): string[] {
  const { image, waste, layer } = state;
  const shown = Math.max(1, Math.min(image.Layers.length, Math.floor(height / 2)));
  const first = Math.max(0, Math.min(layer - Math.floor(shown / 2), image.Layers.length - shown));
  const list = image.Layers.slice(first, first + shown).map(({ Size, CreatedBy }, i) => {
    const text = `${humanSize(Size).padStart(8)}  ${shownText(CreatedBy) || "(nothing said)"}`;
    return first + i === layer ? `${inverse}${fit(`>${text}`, width)}${plain}` : fit(` ${text}`, width);
  });
  const selected = image.Layers[layer];
  const facts = [
    "",
    ...(selected
      ? [
          ` Layer ${layer} of 0 to ${image.Layers.length - 1}`,
          ` Digest: ${selected.Blob.digest}`,
          ` Command: ${shownText(selected.CreatedBy)}`,
          "",
        ]
      : [" The image has no layers", ""]),
    ` Total size: ${humanSize(waste.total)}`,
    ` Wasted:     ${humanSize(waste.wasted)}`,
    ` Efficiency: ${percent(waste.efficiency)}`,
    ...(waste.paths.length > 0 ? ["", "  Wasted  Layers  Path"] : []),
    ...waste.paths
      .slice(0, height)
      .map(
        ({ path, bytes, layers }) =>
          `${humanSize(bytes).padStart(8)}  ${String(layers).padStart(6)}  /${shownText(path)}`,
      ),
  ];
  return filled([...list, ...facts.map((line) => fit(line, width))], width, height);
}

export const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

function tree(state: ExploreState, width: number, height: number, coloured: boolean): string[] {
  const { rows, cursor, panel } = state;
  const first = Math.max(0, Math.min(cursor - Math.floor(height / 2), rows.length - height));
  const lines = rows.slice(first, first + height).map((row, i) => {
    const text = fit(rowText(row, state.attributes), width);
    if (panel === "files" && first + i === cursor) return `${inverse}${text}${plain}`;
    const colour = coloured ? colours[row.node.status] : "";
    return colour === "" ? text : `${colour}${text}${plain}`;
  });
  return filled(lines, width, height);
}

function rowText({ node, lead, isOpen }: Row, attributes: boolean): string {
  const { file } = node;
  const facts = attributes
    ? `${file ? octal(file.Mode) : "    "} ${`${file?.UID ?? ""}:${file?.GID ?? ""}`.padStart(9)} ${humanSize(node.size).padStart(8)} `
    : "";
  const name = `${shownText(node.name)}${node.isDirectory ? "/" : ""}`;
  const fold = node.isDirectory && !isOpen && node.children.length > 0 ? " …" : "";
  const target = file?.Target === undefined ? "" : ` → ${shownText(file.Target)}`;
  return `${marks[node.status]} ${facts}${lead}${name}${target}${fold}`;
}

const filled = (lines: readonly string[], width: number, height: number): string[] =>
  Array.from({ length: height }, (_, i) => lines[i] ?? " ".repeat(width));

/** `text` as wide as `width`, cut or filled with blanks. */
function fit(text: string, width: number): string {
  let used = 0;
  let kept = "";
  for (const char of text) {
    const size = Bun.stringWidth(char);
    if (used + size > width) break;
    kept += char;
    used += size;
  }
  return kept + " ".repeat(Math.max(0, width - used));
}
