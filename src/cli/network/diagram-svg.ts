/** A layout as an SVG document: no script, no link, nothing fetched; every name is text. */
import { type Box, type Edge, type Layout, lineY, padding } from "./diagram-layout.ts";

const style = `
text{font:12px ui-monospace,monospace;fill:#1b1f24;dominant-baseline:central;white-space:pre}
.name{font-weight:bold}
rect{rx:6px;stroke-width:1.2px;fill:#fff;stroke:#57606a}
.world rect{fill:#ddf4ff;stroke:#0969da}
.network rect{fill:#dafbe1;stroke:#1a7f37}
.internal rect{fill:#f6f8fa;stroke:#1a7f37;stroke-dasharray:4 3}
.stopped rect{stroke-dasharray:2 3}
.stopped text{fill:#57606a}
.port rect{fill:#fff8c5;stroke:#9a6700}
path{fill:none;stroke:#57606a;stroke-width:1.2px}
.route{stroke:#0969da}
.shared{stroke-dasharray:2 3}
.published{stroke:#9a6700}
`;

export function diagramSvg({ width, height, boxes, edges }: Layout): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`,
    `<style>${style}</style>`,
    ...edges.map(edgeSvg),
    ...boxes.map(boxSvg),
    "</svg>\n",
  ].join("\n");
}

function boxSvg(box: Box): string {
  const texts = box.lines.map((line, index) => {
    const name = index === 0 && box.kind !== "port" ? ' class="name"' : "";
    return `<text${name} x="${round(box.x + padding)}" y="${round(lineY(box, index))}">${escaped(line)}</text>`;
  });
  const place = `x="${round(box.x)}" y="${round(box.y)}" width="${round(box.width)}" height="${round(box.height)}"`;
  return `<g class="${box.kind}"><title>${escaped(box.title)}</title><rect ${place}/>${texts.join("")}</g>`;
}

/** A curve that leaves and arrives level; between two boxes of one column it goes round on their left. */
function edgeSvg({ kind, from, to }: Edge): string {
  const bend = from.x === to.x ? -28 : (to.x - from.x) / 2;
  const last = from.x === to.x ? to.x - 28 : to.x - bend;
  const points = [from.x + bend, from.y, last, to.y, to.x, to.y].map(round);
  return `<path class="${kind}" d="M${round(from.x)} ${round(from.y)}C${points.join(" ")}"/>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
