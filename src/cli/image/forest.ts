/** Images as trees: who stands on whose layers. */

/** What is known of one image; layers are diff ids, lowest first. */
export interface ForestImage {
  readonly id: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
  /** The image that it was made from, where the daemon says so; "" else. */
  readonly parent: string;
  readonly size: number;
}

export interface ImageNode {
  readonly image: ForestImage;
  /** Bytes that it has besides those of the image it stands on. */
  readonly own: number;
  readonly children: readonly ImageNode[];
}

/** An image stands on the one that it was made from, else on the one with the most of its lower layers, all of which it has. */
export function imageForest(images: readonly ForestImage[]): ImageNode[] {
  const children = Map.groupBy(images, (image) => parentOf(image, images));
  const nodes = (parent: ForestImage | null): ImageNode[] =>
    (children.get(parent) ?? [])
      .map((image) => ({ image, own: image.size - (parent?.size ?? 0), children: nodes(image) }))
      .sort((a, b) => (label(a.image) < label(b.image) ? -1 : 1));
  return nodes(null);
}

/** The nodes on the way to an image, and all that stands on it. */
export function branchesOf(forest: readonly ImageNode[], id: string): ImageNode[] {
  return forest.flatMap((node) => {
    if (node.image.id === id) return [node];
    const children = branchesOf(node.children, id);
    return children.length > 0 ? [{ ...node, children }] : [];
  });
}

export const label = ({ names, id }: ForestImage): string =>
  names.length > 0 ? [...names].sort().join(", ") : `<none> ${id.replace("sha256:", "").slice(0, 12)}`;

function parentOf(image: ForestImage, images: readonly ForestImage[]): ForestImage | null {
  const made = images.find(({ id }) => id === image.parent && id !== image.id);
  if (made && startsWith(image.layers, made.layers)) return made;
  let best: ForestImage | null = null;
  for (const other of images) {
    const { length } = other.layers;
    if (length === 0 || length >= image.layers.length || length <= (best?.layers.length ?? 0)) continue;
    if (startsWith(image.layers, other.layers)) best = other;
  }
  return best;
}

const startsWith = (layers: readonly string[], start: readonly string[]): boolean =>
  start.length <= layers.length && start.every((layer, i) => layer === layers[i]);
