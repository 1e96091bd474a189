/** Fills in the variables of a whole tree: values only, never keys. */
import type { Problems } from "../problems.ts";
import { asMapping, type Node } from "../yaml/node.ts";
import { InvalidTemplate, type Lookup, MissingVariable, substitute } from "./template.ts";

/** A value longer than this is a bomb. */
const longest = 1 << 20;

export interface Interpolation {
  readonly lookup: Lookup;
  readonly warn: (message: string) => void;
  readonly problems: Problems;
  /** Gets the paths of what could not be filled in. */
  readonly dropped: Set<string>;
}

/** Answers the tree with its texts filled in; what cannot be stays as it is, with a problem. */
export function interpolate(node: Node, with_: Interpolation, path: readonly string[] = []): Node {
  if (node.kind === "sequence") {
    for (const [i, item] of node.items.entries()) node.items[i] = interpolate(item, with_, [...path, "[]"]);
    return node;
  }
  if (node.kind === "mapping") {
    for (const [key, value] of node.entries) node.entries.set(key, interpolate(value, with_, [...path, key]));
    return node;
  }
  if (typeof node.value !== "string" || !node.value.includes("$")) return node;
  return { kind: "scalar", value: fill(node.value, node, with_, path), at: node.at };
}

function fill(
  text: string,
  node: Node,
  { lookup, warn, problems, dropped }: Interpolation,
  path: readonly string[],
): string {
  const where = path.join(".");
  try {
    const value = substitute(text, lookup, (name) => warn(unsetVariable(name)));
    if (value.length <= longest) return value;
    problems.add(node.at, where, `error while interpolating ${where}: the value is too long`);
  } catch (error) {
    if (error instanceof InvalidTemplate) {
      const words = `invalid interpolation format for ${where}.\nYou may need to escape any $ with another $.\n${text}`;
      problems.add(node.at, where, words);
    } else if (error instanceof MissingVariable) {
      problems.add(node.at, where, `error while interpolating ${where}: ${error.message}`);
    } else throw error;
  }
  dropped.add(where);
  return "";
}

export function unsetVariable(name: string): string {
  return `The ${JSON.stringify(name)} variable is not set. Defaulting to a blank string.`;
}

/** The top-level `name`, before anything else is known. */
export function interpolatedName(root: Node, lookup: Lookup): string {
  const name = asMapping(root)?.entries.get("name");
  if (name?.kind !== "scalar" || typeof name.value !== "string") return "";
  try {
    return substitute(name.value, lookup, () => {});
  } catch {
    // Told when the file is interpolated.
    return "";
  }
}
