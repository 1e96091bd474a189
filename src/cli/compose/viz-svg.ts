/** A project's graph as an SVG document: networks at the left, services in columns by depth, volumes at the right. */
import type { Box, BoxKind, Edge, Layout } from "../network/diagram-layout.ts";
import { lineHeight, padding } from "../network/diagram-layout.ts";
import { diagramSvg } from "../network/diagram-svg.ts";
import { printable } from "../network/printable.ts";
import type { ProjectGraph } from "./viz-graph.ts";

const characterWidth = 7.3;
const margin = 16;
const channel = 96;
const gap = 14;
const mostCharacters = 44;

interface Item {
  readonly key: string;
  readonly kind: BoxKind;
  readonly lines: readonly string[];
}

export const vizSvg = (graph: ProjectGraph): string => diagramSvg(layoutOf(graph));

function layoutOf(graph: ProjectGraph): Layout {
  const deepest = Math.max(0, ...graph.services.map(({ depth }) => depth));
  const columns: Item[][] = [
    graph.networks.map((name) => ({ key: `network ${name}`, kind: "network", lines: [name, "network"] })),
    // What depends on others stands to the left of them.
    ...Array.from({ length: deepest + 1 }, (_, column) =>
      graph.services.filter(({ depth }) => deepest - depth === column).map(serviceItem),
    ),
    graph.volumes.map((name) => ({ key: `volume ${name}`, kind: "port", lines: [name, "volume"] })),
  ];
  const places = placed(columns.filter((column) => column.length > 0));
  const edges: Edge[] = graph.services.flatMap((service) => [
    ...service.networks.flatMap((name) => edge(places, `network ${name}`, service.name, "member")),
    ...service.dependsOn.flatMap(({ name }) => edge(places, service.name, name, "route")),
    ...service.volumes.flatMap((name) => edge(places, service.name, `volume ${name}`, "published")),
  ]);
  const boxes = [...places.values()];
  const width = Math.max(0, ...boxes.map((box) => box.x + box.width)) + margin;
  const height = Math.max(0, ...boxes.map((box) => box.y + box.height)) + margin;
  return { width, height, boxes, edges };
}

function serviceItem({ name, image, replicas, ports }: ProjectGraph["services"][number]): Item {
  const head = replicas === 1 ? name : `${name} x${replicas}`;
  return { key: name, kind: "container", lines: [head, image, ...ports] };
}

function placed(columns: readonly (readonly Item[])[]): Map<string, Box> {
  const places = new Map<string, Box>();
  let x = margin;
  for (const column of columns) {
    const shown = column.map(({ lines }) => lines.map((line) => cut(printable(line))));
    const width = Math.max(...shown.flat().map((line) => line.length)) * characterWidth + 2 * padding;
    let y = margin;
    for (const [at, { key, kind, lines }] of column.entries()) {
      const height = lines.length * lineHeight + 2 * padding;
      places.set(key, { kind, x, y, width, height, lines: shown[at] ?? [], title: lines.map(printable).join("\n") });
      y += height + gap;
    }
    x += width + channel;
  }
  return places;
}

const cut = (text: string): string => (text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1)}…`);

function edge(places: ReadonlyMap<string, Box>, from: string, to: string, kind: Edge["kind"]): Edge[] {
  const a = places.get(from);
  const b = places.get(to);
  if (!a || !b) return [];
  return [{ kind, from: { x: a.x + a.width, y: a.y + a.height / 2 }, to: { x: b.x, y: b.y + b.height / 2 } }];
}
