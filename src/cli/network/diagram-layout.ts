/**
 * Where a topology's parts stand in a drawing: the world, its networks, their containers and the ports published of
 * them, in four columns from left to right. A pure function; lengths are pixels.
 */
import { ellipsis } from "../container/listing.ts";
import { factsOf } from "./diagram-text.ts";
import { printable } from "./printable.ts";
import type { ContainerNode, NetworkNode, Topology } from "./topology.ts";

export type BoxKind = "world" | "network" | "internal" | "container" | "stopped" | "port";

export interface Box {
  readonly kind: BoxKind;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Cut to what the box holds; the first is its name. */
  readonly lines: readonly string[];
  /** Its lines uncut. */
  readonly title: string;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Edge {
  readonly kind: "route" | "member" | "shared" | "published";
  readonly from: Point;
  readonly to: Point;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
}

/** Of the font that the drawing uses. */
export const lineHeight = 16;
const characterWidth = 7.3;
export const padding = 8;
const margin = 16;
/** Between columns, where the edges run, and between boxes of one column. */
const channel = 96;
const gap = 14;
const mostCharacters = 44;

type Item = Omit<Box, "x" | "y" | "width">;

export function layoutOf(topology: Topology): Layout {
  const networks = topology.networks;
  const containers = inOrderOf(networks, topology.containers);
  const rows = containers.map((container) => ({
    container,
    box: containerItem(container),
    ports: portItem(container),
  }));

  const networkItems = networks.map(networkItem);
  const worldItem = item("world", ["world"]);
  const outward = networks.some((network) => network.outward);
  const columns = [
    outward ? [worldItem] : [],
    networkItems,
    rows.map(({ box }) => box),
    rows.flatMap(({ ports }) => ports),
  ];
  const widths = columns.map(widthOf);
  const xs: number[] = [];
  let right = margin;
  for (const width of widths) {
    xs.push(right);
    if (width > 0) right += width + channel;
  }
  const place = (column: number, one: Item, y: number): Box => ({
    ...one,
    x: xs[column] ?? 0,
    y,
    width: widths[column] ?? 0,
  });

  const rowHeights = rows.map(({ box, ports }) => Math.max(box.height, ports[0]?.height ?? 0));
  const height =
    2 * margin + Math.max(stacked(networkItems.map((one) => one.height)), stacked(rowHeights), worldItem.height);
  const networkYs = spread(
    networkItems.map((one) => one.height),
    height,
  );
  const rowYs = spread(rowHeights, height);

  const edges: Edge[] = [];
  const networkBoxes = networkItems.map((one, index) => place(1, one, networkYs[index] ?? 0));
  const boxes: Box[] = [...networkBoxes];
  if (outward) {
    const world = place(0, worldItem, (height - worldItem.height) / 2);
    boxes.unshift(world);
    for (const [index, network] of networks.entries()) {
      const box = networkBoxes[index];
      if (network.outward && box) edges.push({ kind: "route", from: rightOf(world), to: leftOf(box) });
    }
  }
  const byName = new Map<string, Box>();
  for (const [index, { container, box: shape, ports }] of rows.entries()) {
    const box = place(2, shape, rowYs[index] ?? 0);
    boxes.push(box);
    byName.set(container.name, box);
    for (const [at, { network }] of container.endpoints.entries()) {
      const from = networkBoxes[networks.findIndex(({ name }) => name === network)];
      if (from) edges.push({ kind: "member", from: rightOf(from), to: { x: box.x, y: lineY(box, at + 1) } });
    }
    for (const one of ports) {
      const port = place(3, one, box.y);
      boxes.push(port);
      edges.push({ kind: "published", from: rightOf(box), to: leftOf(port) });
    }
  }
  for (const { name, shares } of containers) {
    const [guest, owner] = [byName.get(name), byName.get(shares)];
    if (guest && owner) edges.push({ kind: "shared", from: leftOf(owner), to: leftOf(guest) });
  }
  return { width: Math.max(right - channel, margin) + margin, height, boxes, edges };
}

/** Containers near their networks: by the mean place of these, a guest right after the one it lives with. */
function inOrderOf(networks: readonly NetworkNode[], containers: readonly ContainerNode[]): ContainerNode[] {
  const placeOf = new Map(networks.map(({ name }, index) => [name, index]));
  const mean = ({ endpoints }: ContainerNode): number => {
    const places = endpoints.flatMap(({ network }) => placeOf.get(network) ?? []);
    return places.reduce((sum, one) => sum + one, 0) / Math.max(places.length, 1);
  };
  const present = new Set(containers.map(({ name }) => name));
  const isGuest = ({ shares }: ContainerNode): boolean => shares !== "" && present.has(shares);
  return containers
    .filter((one) => !isGuest(one))
    .map((one) => [mean(one), one] as const)
    .sort(([a], [b]) => a - b)
    .flatMap(([, one]) => [one, ...containers.filter((guest) => guest.shares === one.name)]);
}

function item(kind: BoxKind, lines: readonly string[]): Item {
  const clean = lines.map(printable);
  return {
    kind,
    height: lines.length * lineHeight + 2 * padding,
    lines: clean.map((line) => ellipsis(line, mostCharacters)),
    title: clean.join("\n"),
  };
}

const networkItem = (network: NetworkNode): Item =>
  item(network.outward ? "network" : "internal", [network.name, ...factsOf(network)]);

function containerItem({ name, state, endpoints, shares }: ContainerNode): Item {
  return item(state === "running" ? "container" : "stopped", [
    state === "running" ? name : `${name} (${state})`,
    ...endpoints.map(({ network, addresses }) => [...addresses, network].join("  ")),
    ...(shares === "" ? [] : [`network of ${shares}`]),
  ]);
}

const portItem = ({ ports }: ContainerNode): Item[] => (ports.length === 0 ? [] : [item("port", ports)]);

function widthOf(items: readonly Item[]): number {
  if (items.length === 0) return 0;
  const longest = Math.max(...items.flatMap(({ lines }) => lines.map((line) => Bun.stringWidth(line))));
  return Math.ceil(longest * characterWidth) + 2 * padding;
}

const stacked = (heights: readonly number[]): number =>
  heights.reduce((sum, one) => sum + one, 0) + gap * Math.max(heights.length - 1, 0);

/** Tops of boxes one under the other, spread over the whole height. */
function spread(heights: readonly number[], height: number): number[] {
  const free = height - 2 * margin - heights.reduce((sum, one) => sum + one, 0);
  const between = heights.length > 1 ? free / (heights.length - 1) : 0;
  let y = heights.length > 1 ? margin : margin + free / 2;
  return heights.map((one) => {
    const top = y;
    y += one + between;
    return top;
  });
}

/** The middle of a line of a box. */
export const lineY = (box: Box, line: number): number => box.y + padding + (line + 0.5) * lineHeight;
const leftOf = (box: Box): Point => ({ x: box.x, y: box.y + box.height / 2 });
const rightOf = (box: Box): Point => ({ x: box.x + box.width, y: box.y + box.height / 2 });
