/**
 * Inside quotes and brackets Go's parser, which Compose has, asks for no indentation (so do files that tools write); `yaml`, and
 * YAML 1.2, ask for some. Leading blanks mean nothing there, so that what is missing can be put in.
 */
import type { Document, YAMLParseError } from "yaml";

/** Each line that is put right takes another look at the whole text. */
const mostLines = 100;
const longestText = 256 * 1024;
const widestIndent = 200;

export interface Indented<D> {
  readonly documents: readonly D[];
  /** Columns that were put in front of a line, which counts from 1. */
  indentOf(line: number): number;
}

/** Parses with the indentation that is missing put in; null where there is none, or where the text is wrong all the same. */
export function parseIndented<D extends Document.Parsed>(
  text: string,
  parse: (text: string) => readonly D[],
  errors: readonly YAMLParseError[],
): Indented<D> | null {
  let failed = cause(errors);
  if (text.length > longestText || failed === undefined) return null;
  const lines = text.split("\n");
  const width = Math.min(widestIndent, Math.max(...lines.map((line) => line.search(/[^ ]|$/)))) + 2;
  const indented = new Set<number>();
  let current = text;
  while (failed !== undefined && indented.size < mostLines) {
    const line = lineOf(current, failed);
    if (indented.has(line) || line >= lines.length) return null;
    indented.add(line);
    current = lines.map((each, at) => (indented.has(at) ? " ".repeat(width) + each : each)).join("\n");
    const documents = parse(current);
    const left = documents.flatMap((document) => document.errors);
    if (left.length === 0) return { documents, indentOf: (at) => (indented.has(at - 1) ? width : 0) };
    failed = cause(left);
  }
  return null;
}

/** The first error, where it is of the kind that can be put right: what is wrong before that is wrong for another reason. */
function cause(errors: readonly YAMLParseError[]): YAMLParseError | undefined {
  const first = Math.min(...errors.map(({ pos }) => pos[0]));
  return errors.find((error) => error.pos[0] === first && lacksIndent(error));
}

const isUnclosed = ({ code, message }: YAMLParseError): boolean =>
  code === "MISSING_CHAR" && /closing .?quote/.test(message);

const lacksIndent = (error: YAMLParseError): boolean =>
  isUnclosed(error) || (error.code === "BAD_INDENT" && error.message.startsWith("Flow "));

/** The line, from 0, that stands too far to the left. */
function lineOf(text: string, error: YAMLParseError): number {
  const before = text.slice(0, error.pos[0]).split("\n").length - 1;
  // What is cut short is told where it stops, at the end of the line before.
  return isUnclosed(error) ? before + 1 : before;
}
