/** YAML text -> trees of {@link Node}. */
import {
  type Document,
  isAlias,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type YAMLMap,
  type Alias as YamlAlias,
  type Scalar as YamlScalar,
} from "yaml";
import { messageOf } from "../../lib/errors.ts";
import type { Problems } from "../problems.ts";
import { parseIndented } from "./indent-flow.ts";
import { type At, type Mapping, mapping, type Node, scalar, sequence } from "./node.ts";
import { resolvePlain } from "./resolve.ts";

export interface ParsedDocument {
  readonly root: Node;
  /** Paths tagged `!reset` or `!override`: what earlier files say there does not count. */
  readonly resets: readonly (readonly string[])[];
}

/** More values than this that come out of aliases are a bomb, not a file. */
const mostAliased = 100_000;
const deepest = 200;

/** Every document of the text; problems with the text itself are added, and what could be read is still answered. */
export function parseYaml(text: string, file: string, problems: Problems): ParsedDocument[] {
  let lines = new LineCounter();
  let indentOf = (_line: number): number => 0;
  const place = (offset: number): At => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col - indentOf(line), 1) };
  };
  const parse = (source: string): readonly Document.Parsed[] => {
    lines = new LineCounter();
    const options = { schema: "failsafe", uniqueKeys: false, prettyErrors: false, logLevel: "silent" } as const;
    const documents = parseAllDocuments(source, { ...options, lineCounter: lines });
    return Array.isArray(documents) ? documents : [];
  };
  try {
    let documents = parse(text);
    const ownLines = lines;
    const errors = documents.flatMap((document) => document.errors);
    const indented = parseIndented(text, parse, errors);
    if (indented) ({ documents, indentOf } = indented);
    else lines = ownLines;
    return documents.flatMap((document) => {
      for (const error of document.errors) {
        problems.add(place(error.pos[0]), "", `failed to parse ${file}: yaml: ${error.message}`);
      }
      if (document.errors.length > 0 || document.contents === null) return [];
      return [new Converter(place, problems).document(document)];
    });
  } catch (error) {
    const why = error instanceof RangeError ? "the values are nested too deeply" : messageOf(error);
    problems.add({ file, line: 1, column: 1 }, "", `failed to parse ${file}: yaml: ${why}`);
    return [];
  }
}

class Converter {
  readonly #place: (offset: number) => At;
  readonly #problems: Problems;
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #open = new Set<ParsedNode>();
  readonly #resets: string[][] = [];
  #aliased = 0;
  #aliasDepth = 0;

  constructor(place: (offset: number) => At, problems: Problems) {
    this.#place = place;
    this.#problems = problems;
  }

  document(document: Document.Parsed): ParsedDocument {
    const root = this.#convert(document.contents as ParsedNode, []);
    return { root: root ?? scalar(null, this.#place(0)), resets: this.#resets };
  }

  /** Undefined for what is tagged `!reset`. */
  #convert(node: ParsedNode, path: string[]): Node | undefined {
    const at = this.#place(node.range[0]);
    if (path.length > deepest) return this.#fail(at, path, "the values are nested too deeply");
    if (isAlias(node)) return this.#alias(node as YamlAlias.Parsed, at, path);
    if (node.anchor) this.#anchors.set(node.anchor, node);
    if (this.#aliasDepth > 0 && ++this.#aliased > mostAliased) {
      return this.#aliased === mostAliased + 1
        ? this.#fail(at, path, "document contains excessive aliasing")
        : scalar(null, at);
    }
    if (node.tag === "!reset" || node.tag === "!override") this.#resets.push(path);
    if (node.tag === "!reset") return undefined;
    if (isScalar(node)) return toScalar(node as YamlScalar.Parsed, at);
    this.#open.add(node);
    try {
      if (isSeq(node)) return this.#sequence(node.items as ParsedNode[], at, path);
      return this.#mapping(node as YAMLMap.Parsed, at, path);
    } finally {
      this.#open.delete(node);
    }
  }

  #alias(node: YamlAlias.Parsed, at: At, path: string[]): Node | undefined {
    const target = this.#anchors.get(node.source);
    if (target === undefined) return this.#fail(at, path, `unknown anchor '${node.source}' referenced`);
    if (this.#open.has(target)) return this.#fail(at, path, `anchor '${node.source}' value contains itself`);
    this.#aliasDepth++;
    try {
      return this.#convert(target, path);
    } finally {
      this.#aliasDepth--;
    }
  }

  #sequence(nodes: readonly ParsedNode[], at: At, path: string[]): Node {
    const items = nodes.map((item, i) => this.#convert(item, [...path, String(i)]));
    return sequence(
      items.filter((item) => item !== undefined),
      at,
    );
  }

  #mapping(node: YAMLMap.Parsed, at: At, path: string[]): Node {
    const result = mapping([], at);
    const merges: Mapping[] = [];
    for (const { key, value } of node.items) {
      const keyAt = this.#place(key.range[0]);
      const name = this.#key(key, keyAt, path);
      if (name === undefined) continue;
      if (name === "<<" && isPlain(key)) {
        merges.push(...this.#merged(value, keyAt, path));
        continue;
      }
      const before = result.keyAt.get(name);
      if (before !== undefined) {
        const words = `mapping key ${JSON.stringify(name)} already defined at line ${before.line}`;
        this.#problems.add(keyAt, [...path, name].join("."), words);
        continue;
      }
      result.keyAt.set(name, keyAt);
      const converted = value === null ? scalar(null, keyAt) : this.#convert(value, [...path, name]);
      if (converted !== undefined) result.entries.set(name, converted);
    }
    for (const from of merges) addMissing(result, from);
    return result;
  }

  /** The mappings that `<<` brings in, the one that wins first. */
  #merged(value: ParsedNode | null, at: At, path: string[]): Mapping[] {
    const node = value === null ? undefined : this.#convert(value, path);
    const parts = node?.kind === "sequence" ? node.items : node === undefined ? [] : [node];
    if (parts.every((part) => part.kind === "mapping")) return parts;
    this.#fail(at, path, "map merge requires map or sequence of maps as the value");
    return [];
  }

  #key(key: ParsedNode, at: At, path: string[]): string | undefined {
    const node = this.#convert(key, path);
    if (node?.kind === "scalar" && typeof node.value === "string") return node.value;
    const where = path.length === 0 ? "at top level" : `in ${path.join(".")}`;
    const shown = node?.kind === "scalar" ? String(node.value) : "a collection";
    this.#problems.add(at, path.join("."), `non-string key ${where}: ${shown}`);
    return undefined;
  }

  #fail(at: At, path: readonly string[], message: string): Node {
    this.#problems.add(at, path.join("."), `failed to parse ${at.file}: yaml: ${message}`);
    return scalar(null, at);
  }
}

function addMissing(into: Mapping, from: Mapping): void {
  for (const [key, value] of from.entries) {
    if (into.keyAt.has(key)) continue;
    into.entries.set(key, value);
    into.keyAt.set(key, from.keyAt.get(key) ?? value.at);
  }
}

const isPlain = (node: ParsedNode): boolean => (node as { type?: string }).type === "PLAIN";

function toScalar(node: YamlScalar.Parsed, at: At): Node {
  const text = String(node.value ?? "");
  const tag = node.tag ?? "";
  if (tag.endsWith(":str") || (tag === "!" && node.type !== "PLAIN")) return scalar(text, at);
  const isResolved = /:(int|float|bool|null)$/.test(tag) || node.type === "PLAIN";
  return isResolved ? { kind: "scalar", ...resolvePlain(text), at } : scalar(text, at);
}
