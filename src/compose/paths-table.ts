/** Rules by the path at which they hold: `services.*.ports` and its kin. `*` is any key, or any place in a list. */
import type { Node } from "./yaml/node.ts";

interface Step<T> {
  readonly next: Map<string, Step<T>>;
  rule?: T;
}

export class PathTable<T> {
  readonly #top: Step<T> = { next: new Map() };

  constructor(rules: Readonly<Record<string, T>>) {
    for (const [path, rule] of Object.entries(rules)) {
      let step = this.#top;
      for (const part of path.split(".")) {
        const next = step.next.get(part) ?? { next: new Map() };
        step.next.set(part, next);
        step = next;
      }
      step.rule = rule;
    }
  }

  /** The rule of exactly this path, the more literal one first. */
  at(path: readonly string[]): T | undefined {
    return find(this.#top, path, 0);
  }
}

function find<T>(step: Step<T>, path: readonly string[], at: number): T | undefined {
  if (at === path.length) return step.rule;
  const exact = step.next.get(path[at]!);
  const found = exact && find(exact, path, at + 1);
  if (found !== undefined) return found;
  const any = step.next.get("*");
  return any && find(any, path, at + 1);
}

/**
 * Goes through a tree from the outside in and lets the rule of each path change what is there. Below a rule nothing is
 * looked at, unless `deeper` says so.
 */
export function rewrite<T>(
  node: Node,
  table: PathTable<T>,
  apply: (rule: T, node: Node, path: readonly string[]) => Node,
  { deeper = false, path = [] as readonly string[] } = {},
): Node {
  const rule = table.at(path);
  const here = rule === undefined ? node : apply(rule, node, path);
  if (rule !== undefined && !deeper) return here;
  if (here.kind === "mapping") {
    for (const [key, value] of here.entries)
      here.entries.set(key, rewrite(value, table, apply, { deeper, path: [...path, key] }));
  } else if (here.kind === "sequence") {
    for (const [i, item] of here.items.entries())
      here.items[i] = rewrite(item, table, apply, { deeper, path: [...path, String(i)] });
  }
  return here;
}
