/** `images --tree`: every image by all its names, with the platforms that its index lists below it. */
import type { ImageManifestSummary, ImageSummary } from "../../api/images.ts";
import { formatPlatform } from "../../lib/platform.ts";
import { humanSize } from "../../lib/units.ts";
import { shortId } from "../container/listing.ts";

/** Where the tree is printed: `width` columns, with colours on a terminal alone. */
export interface TreePaper {
  readonly width: number;
  readonly terminal: boolean;
}

/** What stands right of a name. */
interface Details {
  readonly id: string;
  readonly diskUsage: number;
  readonly contentSize: number;
  readonly inUse: boolean;
}

interface Platform extends Details {
  readonly label: string;
  readonly available: boolean;
}

interface TreeImage extends Details {
  readonly names: readonly string[];
  readonly platforms: readonly Platform[];
}

interface Column {
  readonly title: string;
  readonly width: number;
  readonly right?: true;
  text(details: Details): string;
}

const spacing = 3;
/** The first column is never narrower for the sake of the others: rather they go, from the right. */
const leastNameWidth = 12;

const columns: readonly Column[] = [
  { title: "ID", width: 12, text: ({ id }) => shortId(id) },
  { title: "DISK USAGE", width: 10, right: true, text: ({ diskUsage }) => humanSize(diskUsage, 3) },
  { title: "CONTENT SIZE", width: 12, right: true, text: ({ contentSize }) => humanSize(contentSize, 3) },
  { title: "EXTRA", width: 5, text: ({ inUse }) => (inUse ? "U" : "") },
];

const styles = {
  warning: "\x1b[93m",
  header: "\x1b[39m\x1b[1m",
  name: "\x1b[34m\x1b[1m",
  plain: "\x1b[39m",
  faint: "\x1b[39m\x1b[2m",
  legend: "\x1b[96m",
  chip: "\x1b[38;5;0m\x1b[48;5;14m",
} as const;
type Style = keyof typeof styles;
type Paint = (style: Style, text: string) => string;

/** The whole text, newest image first; images without a name only with `all`, or when a filter chose them. */
export function platformTree(
  images: readonly ImageSummary[],
  untagged: boolean,
  { width: given, terminal }: TreePaper,
): string {
  const paint: Paint = (style, text) => (terminal && text !== "" ? `${styles[style]}${text}\x1b[0m` : text);
  const width = Math.max(20, given);
  const shown = images
    .toSorted((a, b) => b.Created - a.Created)
    .map(treeImage)
    .filter(({ names }) => untagged || names.length > 0);
  const [nameWidth, fitting] = fit(width, shown);
  const apart = shown.some(({ platforms }) => platforms.length > 0);
  const draw = new Drawing(nameWidth, width, fitting, terminal, paint);
  const warning = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";
  const blocks = shown.map((image) => `${draw.image(image)}${apart ? "\n" : ""}`);
  return `${paint("warning", warning)}\n${draw.legend()}\n\n${draw.head()}\n${blocks.join("")}`;
}

function treeImage({ Id, RepoTags, Size, Containers, Manifests }: ImageSummary): TreeImage {
  const platforms = (Manifests ?? []).flatMap(platformOf);
  return {
    names: (RepoTags ?? []).filter((name) => name !== "<none>:<none>").toSorted((a, b) => b.length - a.length),
    id: Id,
    diskUsage: Size,
    contentSize: platforms.reduce((sum, { contentSize }) => sum + contentSize, 0),
    inUse: Containers > 0 || platforms.some(({ inUse }) => inUse),
    platforms,
  };
}

/** Nothing for attestations and what nobody knows. */
function platformOf({ ID, Kind, Available, Size, ImageData }: ImageManifestSummary): Platform[] {
  if (Kind !== "image" || !ImageData) return [];
  const { os, architecture, variant } = ImageData.Platform;
  return [
    {
      label: formatPlatform({ os, architecture, ...(variant && { variant }) }),
      available: Available,
      id: ID,
      diskUsage: Size.Total,
      contentSize: Size.Content,
      inUse: (ImageData.Containers ?? []).length > 0,
    },
  ];
}

/** The first column's width, as narrow as its texts allow, and the columns that find room beside it. */
function fit(width: number, images: readonly TreeImage[]): [number, readonly Column[]] {
  let room = width;
  let count = 0;
  for (const column of columns) {
    if (room - column.width - spacing < leastNameWidth) break;
    room -= column.width + spacing;
    count++;
  }
  const texts = images.flatMap(({ names, platforms }) => [
    ...(names.length > 0 ? names : [untaggedName]),
    ...platforms.map(({ label }) => `└─ ${label}`),
  ]);
  const widest = Math.max("IMAGE".length, ...texts.map((text) => text.length));
  return [Math.min(room, widest), columns.slice(0, count)];
}

const untaggedName = "<untagged>";
const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;

class Drawing {
  constructor(
    readonly nameWidth: number,
    readonly width: number,
    readonly fitting: readonly Column[],
    readonly terminal: boolean,
    readonly paint: Paint,
  ) {}

  /** What the letters of the last column mean, at the right edge. */
  legend(): string {
    const { paint, terminal } = this;
    const mark = terminal ? `${paint("legend", "i Info → ")} ${paint("chip", " U ")}` : "Info ->  U";
    const length = (terminal ? "i Info →   U " : "Info ->  U").length + " In Use ".length;
    return `${" ".repeat(Math.max(0, this.width - length))}${mark} In Use `;
  }

  head(): string {
    const titles = this.fitting.map(({ title, width }) => [title, width] as const);
    const cells = [["IMAGE", this.nameWidth] as const, ...titles].map(([title, width], i, { length }) =>
      this.#padded("header", title, i === length - 1 ? 0 : width),
    );
    return cells.join(" ".repeat(spacing));
  }

  /** All names but the last, which is the shortest, have a line for themselves. */
  image(image: TreeImage): string {
    const { names, platforms } = image;
    const above = names.slice(0, -1).map((name) => `${this.paint("name", cut(name, this.width))}\n`);
    const last = names.at(-1);
    const own = last === undefined ? this.#row("faint", untaggedName, image, "plain") : this.#row("name", last, image);
    const below = platforms.map((platform, i) => {
      const style = platform.available ? "plain" : "faint";
      return this.#row(style, `${i === platforms.length - 1 ? "└─" : "├─"} ${platform.label}`, platform, style);
    });
    return [...above, own, ...below].join("");
  }

  #row(nameStyle: Style, name: string, details: Details, style: Style = "plain"): string {
    const cells = this.fitting.map((column) => this.#cell(column, details, style));
    return `${[this.#padded(nameStyle, cut(name, this.nameWidth), this.nameWidth), ...cells].join(" ".repeat(spacing))}\n`;
  }

  #cell({ title, width, right, text }: Column, details: Details, style: Style): string {
    const value = text(details);
    if (title === "EXTRA") return this.#padded("chip", value !== "" && this.terminal ? ` ${value} ` : value, width);
    return right
      ? `${" ".repeat(Math.max(0, width - value.length))}${this.paint(style, value)}`
      : this.#padded(style, value, width);
  }

  #padded(style: Style, text: string, width: number): string {
    return `${this.paint(style, text)}${" ".repeat(Math.max(0, width - text.length))}`;
  }
}
