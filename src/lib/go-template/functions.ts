/** The functions of Go's text/template and those Docker adds. */
import { noValue, printJson, printValue } from "./print-value.ts";

/** A function called by a template; throws an Error with the reason alone. */
export type TemplateFunction = (...args: unknown[]) => unknown;

/** What Go calls true: not zero, not empty. */
export function truth(value: unknown): boolean {
  if (value === null || value === undefined || value === noValue) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object") return isOpaque(value) || Object.keys(value).length > 0;
  return Boolean(value);
}

function isOpaque(value: object): boolean {
  return Object.getPrototypeOf(value) !== Object.prototype && Object.getPrototypeOf(value) !== null;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Error(`wrong type for value; expected string; got ${typeName(value)}`);
  return value;
}

/** The type of a value in Go's words. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "interface {}";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint")
    return Number.isInteger(Number(value)) ? "int" : "float64";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}

function integer(value: unknown): number {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "number") throw new Error(`cannot index slice/array with type ${typeName(value)}`);
  return value;
}

function index(collection: unknown, ...keys: unknown[]): unknown {
  let value = collection;
  for (const key of keys) {
    if (value === null || value === undefined) throw new Error("index of untyped nil");
    if (Array.isArray(value) || typeof value === "string") {
      const at = integer(key);
      if (at < 0 || at >= value.length) throw new Error(`index out of range: ${at}`);
      value = typeof value === "string" ? value.charCodeAt(at) : value[at];
    } else if (typeof value === "object") {
      const name = typeof key === "string" ? key : String(key);
      if (Object.hasOwn(value, name)) value = (value as Record<string, unknown>)[name];
      // A map of strings gives its zero value; of other maps the type is not known here.
      else value = Object.values(value).every((each) => typeof each === "string") ? "" : noValue;
    } else throw new Error(`can't index item of type ${typeName(value)}`);
  }
  return value;
}

function slice(value: unknown, ...bounds: unknown[]): unknown {
  const [from = 0, to] = bounds.map(integer);
  if (typeof value !== "string" && !Array.isArray(value))
    throw new Error(`can't slice item of type ${typeName(value)}`);
  const end = to ?? value.length;
  for (const bound of [from, end])
    if (bound < 0 || bound > value.length) throw new Error(`index out of range: ${bound}`);
  if (from > end) throw new Error(`invalid slice index: ${from} > ${end}`);
  return value.slice(from, end);
}

function length(value: unknown): number {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  if (Array.isArray(value)) return value.length;
  if (value !== null && typeof value === "object") return Object.keys(value).length;
  if (value === null || value === undefined) throw new Error("len of nil pointer");
  throw new Error(`len of type ${typeName(value)}`);
}

function comparable(a: unknown, b: unknown): void {
  const basic = (value: unknown): string => (typeof value === "bigint" ? "number" : typeof value);
  if (a === null || b === null || a === undefined || b === undefined) return;
  if (basic(a) !== basic(b)) throw new Error("incompatible types for comparison");
}

function equal(a: unknown, ...others: unknown[]): boolean {
  if (others.length === 0) throw new Error("missing argument for comparison");
  return others.some((b) => {
    comparable(a, b);
    if (typeof a === "bigint" || typeof b === "bigint") return String(a) === String(b);
    return (a ?? null) === (b ?? null);
  });
}

function less(a: unknown, b: unknown): boolean {
  comparable(a, b);
  if (a === null || b === null || typeof a === "object" || typeof a === "boolean") {
    throw new Error("invalid type for comparison");
  }
  return (a as number) < (b as number);
}

/** Docker's `pad`, `truncate` and the like work on characters. */
const characters = (value: string): string[] => [...value];

/** fmt.Sprint puts a space between operands when neither is a string. */
function sprint(args: unknown[]): string {
  return args
    .map((arg, i) => (i > 0 && typeof arg !== "string" && typeof args[i - 1] !== "string" ? " " : "") + printed(arg))
    .join("");
}

const printed = (value: unknown): string => (value === null || value === undefined ? "<nil>" : printValue(value));

const quoteGo = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(quoteGo).join(" ")}]`;
  return printed(value);
};

function printf(format: unknown, ...args: unknown[]): string {
  let next = 0;
  const used = text(format).replace(
    /%([-+# 0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g,
    (_all, flags: string, width, precision, verb: string) => {
      if (verb === "%") return "%";
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const result = formatVerb(args[next++], verb, flags, precision === undefined ? undefined : Number(precision));
      const wide = Number(width ?? 0);
      if (flags.includes("-")) return result.padEnd(wide);
      return flags.includes("0") && verb !== "s" && verb !== "v" ? result.padStart(wide, "0") : result.padStart(wide);
    },
  );
  const extra = args.slice(next).map((arg) => `${typeName(arg)}=${printed(arg)}`);
  return extra.length > 0 ? `${used}%!(EXTRA ${extra.join(", ")})` : used;
}

function formatVerb(value: unknown, verb: string, flags: string, precision: number | undefined): string {
  const numeric = typeof value === "number" || typeof value === "bigint";
  const sign = flags.includes("+") && numeric && Number(value) >= 0 ? "+" : "";
  switch (verb) {
    case "v":
      return sign + printed(value);
    case "s":
      if (numeric || typeof value === "boolean") return `%!s(${typeName(value)}=${printed(value)})`;
      return precision === undefined ? printed(value) : characters(printed(value)).slice(0, precision).join("");
    case "q":
      return quoteGo(value);
    case "d":
      return numeric ? sign + String(value) : `%!d(${typeName(value)}=${printed(value)})`;
    case "x":
    case "X": {
      const hex = numeric ? BigInt(value as number).toString(16) : Buffer.from(printed(value)).toString("hex");
      return verb === "X" ? hex.toUpperCase() : hex;
    }
    case "o":
    case "b":
      return numeric
        ? BigInt(value as number).toString(verb === "o" ? 8 : 2)
        : `%!${verb}(${typeName(value)}=${printed(value)})`;
    case "f":
      return numeric ? sign + Number(value).toFixed(precision ?? 6) : `%!f(${typeName(value)}=${printed(value)})`;
    case "t":
      return typeof value === "boolean" ? String(value) : `%!t(${typeName(value)}=${printed(value)})`;
    case "T":
      return typeName(value);
    default:
      return `%!${verb}(${typeName(value)}=${printed(value)})`;
  }
}

const htmlEscapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

/** All functions by name; `and` and `or` are evaluated lazily by the interpreter. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  and: (...args) => args.find((arg) => !truth(arg)) ?? args.at(-1),
  or: (...args) => args.find(truth) ?? args.at(-1),
  not: (value) => !truth(value),
  call: (callee, ...args) => {
    if (typeof callee !== "function") throw new Error(`non-function of type ${typeName(callee)}`);
    return callee(...args);
  },
  len: length,
  index,
  slice,
  print: (...args) => sprint(args),
  println: (...args) => `${args.map(printed).join(" ")}\n`,
  printf,
  html: (...args) => sprint(args).replace(/[&<>"']/g, (c) => htmlEscapes[c]!),
  js: (...args) => JSON.stringify(sprint(args)).slice(1, -1).replace(/'/g, "\\'"),
  urlquery: (...args) => encodeURIComponent(sprint(args)).replace(/%20/g, "+"),
  eq: equal,
  ne: (a, b) => !equal(a, b),
  lt: less,
  le: (a, b) => less(a, b) || equal(a, b),
  gt: (a, b) => !less(a, b) && !equal(a, b),
  ge: (a, b) => !less(a, b),
  json: (value) => printJson(value),
  split: (value, separator) => text(value).split(text(separator)),
  join: (values, separator) => {
    if (!Array.isArray(values)) throw new Error(`wrong type for value; expected []string; got ${typeName(values)}`);
    return values.map((value) => text(value)).join(text(separator));
  },
  title: (value) =>
    text(value).replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_all, before: string, c: string) => before + c.toUpperCase()),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  pad: (value, before, after) =>
    text(value) === "" ? "" : " ".repeat(integer(before)) + text(value) + " ".repeat(integer(after)),
  truncate: (value, size) => characters(text(value)).slice(0, integer(size)).join(""),
};
