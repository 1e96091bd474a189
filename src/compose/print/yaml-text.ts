/**
 * YAML in the very form in which Docker's Compose writes it (go-yaml v3, indented by two, lines never broken), so that the
 * output of `config` is the same file whichever tool made it. Values are those of `Printable`: mappings are `Map`s, written
 * in their order.
 */
import { needsQuotes } from "../yaml/resolve.ts";
import { Float } from "./float.ts";

const step = "  ";

export function yamlText(value: unknown): string {
  return isEmpty(value) || !isCollection(value) ? `${inline(value)}\n` : block(value, "");
}

function isCollection(value: unknown): value is Map<string, unknown> | readonly unknown[] {
  return value instanceof Map || Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  return (value instanceof Map && value.size === 0) || (Array.isArray(value) && value.length === 0);
}

/** Lines, each with its indentation and end. */
function block(value: Map<string, unknown> | readonly unknown[], indent: string): string {
  if (value instanceof Map) return [...value].map(([key, one]) => entry(key, one, indent)).join("");
  return value.map((one) => item(one, indent)).join("");
}

/** Longer keys, and those over several lines, are written apart from their values. */
const longestKey = 128;

function entry(key: string, value: unknown, indent: string): string {
  const name = scalarText(key, indent, { isKey: true });
  if (name.length > longestKey) return `${indent}? ${name}\n${indent}: ${after(value, indent).trimStart()}`;
  return `${indent}${name}:${after(value, indent)}`;
}

/** What follows `key:`, to the end of its last line. */
function after(value: unknown, indent: string): string {
  if (isCollection(value) && !isEmpty(value)) return `\n${block(value, indent + step)}`;
  return ` ${inline(value, indent)}\n`;
}

function item(value: unknown, indent: string): string {
  if (!isCollection(value) || isEmpty(value)) return `${indent}- ${inline(value, indent)}\n`;
  // The first line of what is inside stands behind the dash.
  return `${indent}- ${block(value, indent + step).slice(indent.length + step.length)}`;
}

function inline(value: unknown, indent = ""): string {
  if (isCollection(value)) return value instanceof Map ? "{}" : "[]";
  if (value instanceof Float) return value.general().replace(/^\+/, "");
  if (typeof value === "string") return scalarText(value, indent, { isKey: false });
  if (typeof value === "number" && !Number.isInteger(value)) return new Float(value, 64).general();
  return String(value);
}

function scalarText(text: string, indent: string, { isKey }: { isKey: boolean }): string {
  const look = analyze(text);
  if (text.includes("\n") && !isKey && look.mayBeLiteral) return literal(text, indent);
  if (text.includes("\n") || needsQuotes(text) || !look.mayBeSingleQuoted) return doubleQuoted(text);
  return look.mayBePlain ? text : singleQuoted(text);
}

const singleQuoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

interface Look {
  readonly mayBePlain: boolean;
  readonly mayBeSingleQuoted: boolean;
  readonly mayBeLiteral: boolean;
}

/** Which styles the text can be written in without changing it. */
function analyze(text: string): Look {
  const isSpecial = /[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u.test(text);
  const spaceThenBreak = / [\n\x85\u2028\u2029]/.test(text);
  const breakThenSpace = /[\n\x85\u2028\u2029] /.test(text);
  const edges = /^[ \n\x85\u2028\u2029]|[ \n\x85\u2028\u2029]$/.test(text);
  const breaks = /[\n\x85\u2028\u2029]/.test(text);
  const indicators =
    /^(---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[?:-](?=[ \t\n\r\x85\u2028\u2029]|$)/.test(text) ||
    /.:(?=[ \t\n\r\x85\u2028\u2029]|$)/s.test(text) ||
    /[ \t\n\r\x85\u2028\u2029]#/.test(text);
  const isAwkward = spaceThenBreak || isSpecial || text.includes("\t");
  return {
    mayBePlain: !(edges || breakThenSpace || isAwkward || breaks || indicators),
    mayBeSingleQuoted: !(breakThenSpace || isAwkward),
    mayBeLiteral: text !== "" && !(/ $/.test(text) || spaceThenBreak || isSpecial),
  };
}

function literal(text: string, indent: string): string {
  const hint = /^[ \n]/.test(text) ? String(step.length) : "";
  const chomp = !text.endsWith("\n") ? "-" : text === "\n" || text.endsWith("\n\n") ? "+" : "";
  const lines = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
  const inner = indent + step;
  return `|${hint}${chomp}\n${lines.map((line) => (line === "" ? "" : inner + line)).join("\n")}`;
}

const escapes: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\x85": "\\N",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(text: string): string {
  let written = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const isPrintable =
      (code >= 0x20 && code <= 0x7e) ||
      (code >= 0xa0 && code <= 0xd7ff) ||
      (code >= 0xe000 && code !== 0xfeff && code <= 0xfffd);
    if (escapes[character] !== undefined) written += escapes[character];
    else if (isPrintable) written += character;
    else if (code <= 0xff) written += `\\x${hex(code, 2)}`;
    else written += code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  }
  return `"${written}"`;
}

const hex = (code: number, digits: number): string => code.toString(16).toUpperCase().padStart(digits, "0");

/** Keys in the order of go-yaml: letters before others do not count, numbers inside of names do. */
export function compareKeys(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  let inDigits = false;
  for (let i = 0; i < left.length && i < right.length; i++) {
    const [x, y] = [left[i]!, right[i]!];
    if (x === y) {
      inDigits = isDigit(x);
      continue;
    }
    const [xIsLetter, yIsLetter] = [isLetter(x), isLetter(y)];
    if (xIsLetter && yIsLetter) return x < y ? -1 : 1;
    if (xIsLetter || yIsLetter) return (inDigits ? xIsLetter : yIsLetter) ? -1 : 1;
    return compareNumbers(left, right, i) || (x < y ? -1 : 1);
  }
  return left.length - right.length;
}

const isDigit = (character: string): boolean => /\p{Nd}/u.test(character);
const isLetter = (character: string): boolean => /\p{L}/u.test(character);

/** The numbers that stand in both from `at`: by value, then by how many digits were written. */
function compareNumbers(left: readonly string[], right: readonly string[], at: number): number {
  let [i, j] = [at, at];
  let [x, y] = [0, 0];
  if (left[at] === "0" || right[at] === "0") {
    for (let k = at - 1; k >= 0 && isDigit(left[k]!); k--) {
      if (left[k] !== "0") {
        [x, y] = [1, 1];
        break;
      }
    }
  }
  for (; i < left.length && isDigit(left[i]!); i++) x = x * 10 + Number(left[i]);
  for (; j < right.length && isDigit(right[j]!); j++) y = y * 10 + Number(right[j]);
  return x - y || i - j;
}
