/** Fields of YAML nodes as they were written, through aliases and `<<`. */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node as YamlNode } from "yaml";

/** What an alias stands for; null for nothing. */
export function resolved(document: Document, node: YamlNode | null): YamlNode | null {
  return isAlias(node) ? ((node.resolve(document) as YamlNode | undefined) ?? null) : node;
}

/** The value of a mapping's key, its own before one that `<<` brings; null where there is none. */
export function fieldOf(document: Document, node: YamlNode | null, key: string, depth = 0): YamlNode | null {
  const at = resolved(document, node);
  if (!isMap(at) || depth > 50) return null;
  const valuesOf = (name: string): (YamlNode | null)[] =>
    at.items
      .filter((pair) => isScalar(pair.key) && pair.key.value === name)
      .map((pair) => pair.value as YamlNode | null);
  const [own] = valuesOf(key);
  if (own !== undefined) return resolved(document, own);
  for (const merged of valuesOf("<<").map((one) => resolved(document, one))) {
    for (const part of isSeq(merged) ? (merged.items as YamlNode[]) : [merged]) {
      const found = fieldOf(document, part, key, depth + 1);
      if (found !== null) return found;
    }
  }
  return null;
}
