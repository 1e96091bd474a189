/** The functions that expressions may call: those of bake's standard library that build files use. */
import { createHash, randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { basename, dirname } from "node:path";
import { areEqual, boolOf, isList, isMap, kindOf, numberOf, textOf } from "./evaluate.ts";
import { HclError, type HclValue } from "./expression.ts";

type Args = readonly HclValue[];
type HclFunction = (...args: HclValue[]) => HclValue;

const listOf = (value: HclValue | undefined): readonly HclValue[] => {
  if (value !== undefined && isList(value)) return value;
  throw new HclError(`a list expected, found ${kindOf(value ?? null)}`);
};
const mapOf = (value: HclValue | undefined): Readonly<Record<string, HclValue>> => {
  if (value !== undefined && isMap(value)) return value;
  throw new HclError(`an object expected, found ${kindOf(value ?? null)}`);
};
const text = (value: HclValue | undefined): string => textOf(value ?? null);
const number = (value: HclValue | undefined): number => numberOf(value ?? null);
const texts =
  (compute: (...args: string[]) => HclValue): HclFunction =>
  (...args) =>
    compute(...args.map((each) => text(each)));
const numbers =
  (compute: (...args: number[]) => HclValue): HclFunction =>
  (...args) =>
    compute(...args.map((each) => number(each)));
const hash =
  (name: string): HclFunction =>
  (value) =>
    createHash(name).update(text(value)).digest("hex");

/** RE2 and JavaScript agree on what build files use; named groups are written differently. */
const pattern = (source: string, flags = ""): RegExp => {
  try {
    return new RegExp(source.replace(/\(\?P</g, "(?<"), `u${flags}`);
  } catch {
    throw new HclError(`${JSON.stringify(source)} is no regular expression`);
  }
};

function matched(found: RegExpMatchArray): HclValue {
  if (found.groups) return { ...found.groups };
  return found.length === 1 ? (found[0] ?? null) : found.slice(1).map((each) => each ?? null);
}

function firstMatch(source: HclValue, value: HclValue): HclValue {
  const found = pattern(text(source)).exec(text(value));
  if (!found) throw new HclError(`nothing in ${JSON.stringify(value)} matches ${JSON.stringify(source)}`);
  return matched(found);
}

function trimmed(value: string, cut: string): string {
  const characters = [...value];
  let start = 0;
  let end = characters.length;
  while (start < end && cut.includes(characters[start] ?? "")) start++;
  while (end > start && cut.includes(characters[end - 1] ?? "")) end--;
  return characters.slice(start, end).join("");
}

function substring(value: string, offset: number, length: number): string {
  const characters = [...value];
  const start = offset < 0 ? Math.max(0, characters.length + offset) : offset;
  return characters.slice(start, length < 0 ? undefined : start + length).join("");
}

/** `%s`, `%d`, `%v`, `%q`, `%f` with widths, and `%%`. */
function formatted(format: string, args: Args): string {
  let next = 0;
  return format.replace(/%(?:%|(-)?(0)?(\d+)?(?:\.(\d+))?([sdvqfgx]))/g, (all, left, zero, width, precision, verb) => {
    if (all === "%%") return "%";
    if (next >= args.length) throw new HclError(`format: no value for ${all}`);
    const shown = verbText(verb, args[next++] ?? null, precision === undefined ? undefined : Number(precision));
    if (width === undefined) return shown;
    return left ? shown.padEnd(Number(width)) : shown.padStart(Number(width), zero ? "0" : " ");
  });
}

function verbText(verb: string, value: HclValue, precision: number | undefined): string {
  if (verb === "d") return String(Math.trunc(numberOf(value)));
  if (verb === "x") return Math.trunc(numberOf(value)).toString(16);
  if (verb === "f") return numberOf(value).toFixed(precision ?? 6);
  if (verb === "q") return JSON.stringify(textOf(value));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function range(...args: number[]): HclValue {
  const [first = 0, second, third] = args;
  const start = second === undefined ? 0 : first;
  const end = second ?? first;
  const step = third ?? (end < start ? -1 : 1);
  const result: number[] = [];
  for (let each = start; step > 0 ? each < end : each > end; each += step) {
    if (step === 0 || result.length >= 1024) throw new HclError("range: more than 1024 elements");
    result.push(each);
  }
  return result;
}

/** Go's layouts of time in the words of Terraform's formatdate. */
function formatDate(layout: string, at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) throw new HclError(`${JSON.stringify(at)} is no time`);
  const two = (value: number): string => String(value).padStart(2, "0");
  const parts: Readonly<Record<string, string>> = {
    YYYY: String(date.getUTCFullYear()),
    YY: two(date.getUTCFullYear() % 100),
    MM: two(date.getUTCMonth() + 1),
    DD: two(date.getUTCDate()),
    hh: two(date.getUTCHours()),
    mm: two(date.getUTCMinutes()),
    ss: two(date.getUTCSeconds()),
    Z: "Z",
  };
  return layout.replace(
    /'([^']*)'|YYYY|YY|MM|DD|hh|mm|ss|Z/g,
    (word, quoted?: string) => quoted ?? parts[word] ?? word,
  );
}

const combinations = (lists: readonly (readonly HclValue[])[]): HclValue[][] =>
  lists.reduce<HclValue[][]>((all, list) => all.flatMap((each) => list.map((value) => [...each, value])), [[]]);

const flattened = (list: readonly HclValue[]): HclValue[] =>
  list.flatMap((each) => (isList(each) ? flattened(each) : [each]));

const functions: Readonly<Record<string, HclFunction>> = {
  absolute: numbers((a = 0) => Math.abs(a)),
  add: numbers((a = 0, b = 0) => a + b),
  and: (...args) => args.every((each) => boolOf(each)),
  base64decode: (value) => Buffer.from(text(value), "base64").toString(),
  base64encode: (value) => Buffer.from(text(value)).toString("base64"),
  basename: texts((a = "") => basename(a)),
  ceil: numbers((a = 0) => Math.ceil(a)),
  chomp: texts((a = "") => a.replace(/(\r?\n)+$/, "")),
  coalesce: (...args) => args.find((each) => each !== null) ?? null,
  compact: (list) => listOf(list).filter((each) => each !== "" && each !== null),
  concat: (...lists) => lists.flatMap((each) => listOf(each)),
  contains: (list, value) => listOf(list).some((each) => areEqual(each, value ?? null)),
  dirname: texts((a = "") => dirname(a)),
  distinct: (list) => listOf(list).filter((each, at, all) => all.findIndex((other) => areEqual(other, each)) === at),
  divide: numbers((a = 0, b = 1) => a / b),
  element: (list, at) => listOf(list)[number(at) % Math.max(1, listOf(list).length)] ?? null,
  equal: (a, b) => areEqual(a ?? null, b ?? null),
  flatten: (list) => flattened(listOf(list)),
  floor: numbers((a = 0) => Math.floor(a)),
  format: (format, ...args) => formatted(text(format), args),
  formatdate: texts((layout = "", at = "") => formatDate(layout, at)),
  greaterthan: numbers((a = 0, b = 0) => a > b),
  hasindex: (of, key) => (isList(of ?? null) ? number(key) < listOf(of).length : Object.hasOwn(mapOf(of), text(key))),
  homedir: () => homedir(),
  indent: (width, value) => text(value).replace(/\n(?=.)/g, `\n${" ".repeat(number(width))}`),
  index: (of, key) => (isList(of ?? null) ? (listOf(of)[number(key)] ?? null) : (mapOf(of)[text(key)] ?? null)),
  indexof: (list, value) => listOf(list).findIndex((each) => areEqual(each, value ?? null)),
  int: numbers((a = 0) => Math.trunc(a)),
  join: (separator, ...lists) =>
    lists
      .flatMap((each) => listOf(each))
      .map((each) => textOf(each))
      .join(text(separator)),
  jsondecode: (value) => {
    try {
      return JSON.parse(text(value)) as HclValue;
    } catch {
      throw new HclError("jsondecode: the text is no JSON");
    }
  },
  jsonencode: (value) => JSON.stringify(value),
  keys: (map) => Object.keys(mapOf(map)).sort(),
  length: (value) =>
    typeof value === "object" && value !== null ? Object.keys(value).length : [...text(value)].length,
  lessthan: numbers((a = 0, b = 0) => a < b),
  lookup: (map, key, otherwise) =>
    Object.hasOwn(mapOf(map), text(key)) ? (mapOf(map)[text(key)] ?? null) : (otherwise ?? null),
  lower: texts((a = "") => a.toLowerCase()),
  max: numbers((...all) => Math.max(...all)),
  md5: hash("md5"),
  merge: (...maps) => Object.assign({}, ...maps.map((each) => mapOf(each))) as HclValue,
  min: numbers((...all) => Math.min(...all)),
  modulo: numbers((a = 0, b = 1) => a % b),
  multiply: numbers((a = 0, b = 0) => a * b),
  negate: numbers((a = 0) => -a),
  not: (value) => !boolOf(value ?? null),
  notequal: (a, b) => !areEqual(a ?? null, b ?? null),
  or: (...args) => args.some((each) => boolOf(each)),
  range: numbers(range),
  regex: (source, value) => firstMatch(source ?? null, value ?? null),
  regexall: (source, value) => [...text(value).matchAll(pattern(text(source), "g"))].map(matched),
  regex_replace: texts((value = "", source = "", by = "") =>
    value.replace(
      pattern(source, "g"),
      by.replace(/\$\{(\w+)\}/g, (_, name) => (/^\d+$/.test(name) ? `$${name}` : `$<${name}>`)),
    ),
  ),
  replace: texts((value = "", part = "", by = "") => value.replaceAll(part, () => by)),
  reverse: (value) => (isList(value ?? null) ? [...listOf(value)].reverse() : [...text(value)].reverse().join("")),
  sanitize: texts((a = "") => a.replace(/[^a-zA-Z0-9_-]+/g, "_")),
  setproduct: (...lists) => combinations(lists.map((each) => listOf(each))),
  sha1: hash("sha1"),
  sha256: hash("sha256"),
  sha512: hash("sha512"),
  slice: (list, from, to) => listOf(list).slice(number(from), number(to)),
  sort: (list) =>
    listOf(list)
      .map((each) => textOf(each))
      .sort(),
  split: texts((separator = "", value = "") => value.split(separator)),
  strlen: texts((a = "") => [...a].length),
  strrev: texts((a = "") => [...a].reverse().join("")),
  substr: (value, offset, length) => substring(text(value), number(offset), number(length)),
  subtract: numbers((a = 0, b = 0) => a - b),
  timestamp: () => new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  title: texts((a = "") =>
    a.replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_, before, letter) => before + letter.toUpperCase()),
  ),
  trim: texts((a = "", cut = "") => trimmed(a, cut)),
  trimprefix: texts((a = "", start = "") => (a.startsWith(start) ? a.slice(start.length) : a)),
  trimspace: texts((a = "") => a.trim()),
  trimsuffix: texts((a = "", end = "") => (end !== "" && a.endsWith(end) ? a.slice(0, -end.length) : a)),
  upper: texts((a = "") => a.toUpperCase()),
  urlencode: texts((a = "") => encodeURIComponent(a).replace(/%20/g, "+")),
  uuidv4: () => randomUUID(),
  values: (map) =>
    Object.keys(mapOf(map))
      .sort()
      .map((key) => mapOf(map)[key] ?? null),
  zipmap: (keys, values) =>
    Object.fromEntries(listOf(keys).map((key, at) => [textOf(key), listOf(values)[at] ?? null])),
};

export function standardFunction(name: string): ((args: Args) => HclValue) | null {
  const found = Object.hasOwn(functions, name) ? functions[name] : undefined;
  return found ? (args) => found(...args) : null;
}
