/**
 * A YAML value that knows where it was written. The loader works on these trees, so that an error found after files have been
 * merged still names a place in one of them. Trees are the loader's own while it works; they are changed in place.
 */

export interface At {
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export type ScalarValue = string | number | bigint | boolean | null;

export interface Scalar {
  readonly kind: "scalar";
  readonly value: ScalarValue;
  /** Written with a point or an exponent, whatever its value. */
  readonly isFloat?: boolean;
  readonly at: At;
}

export interface Sequence {
  readonly kind: "sequence";
  readonly items: Node[];
  readonly at: At;
}

export interface Mapping {
  readonly kind: "mapping";
  readonly entries: Map<string, Node>;
  /** Where each key stands; what the loader adds has none. */
  readonly keyAt: Map<string, At>;
  readonly at: At;
}

export type Node = Scalar | Sequence | Mapping;

export const nowhere: At = { file: "", line: 0, column: 0 };

export const scalar = (value: ScalarValue, at: At): Scalar => ({ kind: "scalar", value, at });
export const sequence = (items: Node[], at: At): Sequence => ({ kind: "sequence", items, at });

export function mapping(entries: Iterable<readonly [string, Node]>, at: At): Mapping {
  return { kind: "mapping", entries: new Map(entries), keyAt: new Map(), at };
}

export function isNull(node: Node | undefined): boolean {
  return node === undefined || (node.kind === "scalar" && node.value === null);
}

/** The text of a string scalar; undefined for everything else. */
export function textOf(node: Node | undefined): string | undefined {
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

export function asMapping(node: Node | undefined): Mapping | undefined {
  return node?.kind === "mapping" ? node : undefined;
}

export function asSequence(node: Node | undefined): Sequence | undefined {
  return node?.kind === "sequence" ? node : undefined;
}

/** The mapping under `key`, if there is one. */
export function child(node: Node | undefined, ...keys: readonly string[]): Node | undefined {
  let at = node;
  for (const key of keys) at = asMapping(at)?.entries.get(key);
  return at;
}

/** Where a key was written, or else its value. */
export function keyPlace(parent: Mapping, key: string): At {
  return parent.keyAt.get(key) ?? parent.entries.get(key)?.at ?? parent.at;
}

export function cloneNode(node: Node): Node {
  if (node.kind === "scalar") return node;
  if (node.kind === "sequence") return sequence(node.items.map(cloneNode), node.at);
  const copy = mapping([], node.at);
  for (const [key, value] of node.entries) copy.entries.set(key, cloneNode(value));
  for (const [key, at] of node.keyAt) copy.keyAt.set(key, at);
  return copy;
}

/** A plain value with the keys of mappings in their order. */
export function plainValue(node: Node): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "sequence") return node.items.map(plainValue);
  return Object.fromEntries([...node.entries].map(([key, value]) => [key, plainValue(value)]));
}

/** True when both say the same, wherever they were written. */
export function sameValue(a: Node, b: Node): boolean {
  if (a.kind === "scalar") return b.kind === "scalar" && a.value === b.value;
  if (a.kind === "sequence") {
    return (
      b.kind === "sequence" && a.items.length === b.items.length && a.items.every((x, i) => sameValue(x, b.items[i]!))
    );
  }
  if (b.kind !== "mapping" || a.entries.size !== b.entries.size) return false;
  return [...a.entries].every(([key, x]) => {
    const y = b.entries.get(key);
    return y !== undefined && sameValue(x, y);
  });
}
