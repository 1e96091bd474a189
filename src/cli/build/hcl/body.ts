/** A file of HCL as attributes and blocks: in the native syntax, or the same in JSON. */
import { type Expression, HclError, type HclValue } from "./expression.ts";
import { Reader, readTemplate } from "./reader.ts";

export interface Body {
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly blocks: readonly Block[];
}

export interface Attribute {
  readonly expression: Expression;
  readonly at: number;
}

export interface Block {
  readonly type: string;
  readonly labels: readonly string[];
  readonly body: Body;
  readonly at: number;
}

/** Throws {@link HclError}. */
export function readBody(text: string): Body {
  return readUntil(new Reader(text), "");
}

function readUntil(reader: Reader, end: string): Body {
  const attributes = new Map<string, Attribute>();
  const blocks: Block[] = [];
  for (;;) {
    reader.skip(true);
    if (end === "" ? reader.at >= reader.text.length : reader.is(end)) return { attributes, blocks };
    if (reader.at >= reader.text.length) reader.fail(`${JSON.stringify(end)} expected before the end of the file`);
    const at = reader.at;
    const name = reader.name();
    if (reader.accept("=")) {
      if (attributes.has(name)) reader.fail(`${JSON.stringify(name)} is set twice`, at);
      attributes.set(name, { expression: reader.expression(), at });
    } else blocks.push(readBlock(reader, name, at));
    endOfLine(reader, end);
  }
}

function readBlock(reader: Reader, type: string, at: number): Block {
  const labels: string[] = [];
  for (reader.skip(); !reader.is("{"); reader.skip()) labels.push(readLabel(reader));
  reader.at++;
  const body = readUntil(reader, "}");
  reader.at++;
  return { type, labels, body, at };
}

function readLabel(reader: Reader): string {
  if (!reader.is('"')) return reader.name();
  reader.at++;
  const [only, ...others] = reader.template('"');
  reader.at++;
  if (only?.kind !== "literal" || typeof only.value !== "string" || others.length > 0)
    reader.fail("a plain name in quotes expected");
  return only.value;
}

function endOfLine(reader: Reader, end: string): void {
  reader.skip();
  if (reader.at >= reader.text.length || reader.is("\n") || (end !== "" && reader.is(end))) return;
  reader.fail(`one setting on a line: ${JSON.stringify(reader.text.slice(reader.at, reader.at + 12))} is one too many`);
}

/** How deep the labels of a block are in JSON: `{"target": {"app": {…}}}` has one. */
export type LabelCounts = Readonly<Record<string, number>>;

/** Throws {@link HclError} for what is no object. */
export function bodyOfJson(value: unknown, counts: LabelCounts): Body {
  if (!isObject(value)) throw new HclError("an object expected");
  const attributes = new Map<string, Attribute>();
  const blocks: Block[] = [];
  for (const [name, each] of Object.entries(value)) {
    const labels = counts[name];
    if (labels === undefined) attributes.set(name, { expression: expressionOfJson(each), at: 0 });
    else for (const one of Array.isArray(each) ? each : [each]) addBlocks(blocks, name, [], labels, one);
  }
  return { attributes, blocks };
}

function addBlocks(blocks: Block[], type: string, labels: readonly string[], missing: number, value: unknown): void {
  if (!isObject(value)) throw new HclError(`${[type, ...labels].join(".")}: an object expected`);
  if (missing === 0) {
    blocks.push({ type, labels, body: bodyOfJson(value, {}), at: 0 });
    return;
  }
  for (const [label, inner] of Object.entries(value)) addBlocks(blocks, type, [...labels, label], missing - 1, inner);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function expressionOfJson(value: unknown): Expression {
  if (typeof value === "string") return readTemplate(value);
  if (Array.isArray(value)) return { kind: "list", items: value.map(expressionOfJson) };
  if (!isObject(value)) return { kind: "literal", value: value as HclValue };
  return {
    kind: "map",
    items: Object.entries(value).map(([key, each]) => [readTemplate(key), expressionOfJson(each)]),
  };
}
