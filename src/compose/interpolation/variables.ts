/** Which variables a model asks for: `config --variables`. */
import { type Node, textOf } from "../yaml/node.ts";
import { InvalidTemplate, type Part, parseTemplate } from "./template.ts";

export interface Variable {
  readonly name: string;
  readonly required: boolean;
  readonly defaultValue: string;
  /** What `:+` or `+` puts in its place. */
  readonly alternate: string;
}

/** By name, in their order; of several mentions the last that says more than the name. */
export function variablesOf(node: Node): Map<string, Variable> {
  const found = new Map<string, Variable>();
  collect(node, found);
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function collect(node: Node, found: Map<string, Variable>): void {
  if (node.kind === "sequence") for (const item of node.items) collect(item, found);
  else if (node.kind === "mapping") for (const value of node.entries.values()) collect(value, found);
  else addFrom(partsOf(textOf(node) ?? ""), found);
}

function partsOf(text: string): readonly Part[] {
  try {
    return parseTemplate(text);
  } catch (error) {
    if (error instanceof InvalidTemplate) return [];
    throw error;
  }
}

function addFrom(parts: readonly Part[], found: Map<string, Variable>): void {
  for (const part of parts) {
    if (part.kind === "text") continue;
    const kind = part.operator?.at(-1);
    const word = templateText(part.word);
    if (kind !== undefined || !found.has(part.name)) {
      found.set(part.name, {
        name: part.name,
        required: kind === "?",
        defaultValue: kind === "-" ? word : "",
        alternate: kind === "+" ? word : "",
      });
    }
    if (kind !== "?") addFrom(part.word, found);
  }
}

/** The parts as they were written. */
function templateText(parts: readonly Part[]): string {
  return parts
    .map((part) => {
      if (part.kind === "text") return part.text.replaceAll("$", "$$$$");
      return part.operator ? `\${${part.name}${part.operator}${templateText(part.word)}}` : `\${${part.name}}`;
    })
    .join("");
}
