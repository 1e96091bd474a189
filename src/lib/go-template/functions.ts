/** The functions of Go's text/template and those Docker adds. */
import { noValue, printJson } from "./print-value.ts";
import { printed, printf } from "./printf.ts";
import { typeName } from "./type-name.ts";

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

function integer(value: unknown): number {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new Error(`cannot index slice/array with type ${typeName(value)}`);
  }
  return value;
}

/** Go's strings are bytes: their length, their elements and their slices. */
const utf8 = new TextEncoder();

function index(collection: unknown, ...keys: unknown[]): unknown {
  let value = collection;
  for (const key of keys) {
    if (value === null || value === undefined) throw new Error("index of untyped nil");
    if (Array.isArray(value) || typeof value === "string") {
      const items = typeof value === "string" ? utf8.encode(value) : value;
      const at = integer(key);
      if (at < 0 || at >= items.length) throw new Error(`index out of range: ${at}`);
      value = items[at];
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
  if (typeof value !== "string" && !Array.isArray(value))
    throw new Error(`can't slice item of type ${typeName(value)}`);
  if (bounds.length > 3) throw new Error(`too many slice indexes: ${bounds.length}`);
  if (bounds.length === 3 && typeof value === "string") throw new Error("cannot 3-index slice a string");
  const items = typeof value === "string" ? utf8.encode(value) : value;
  const places = bounds.map(integer);
  const [from = 0, to = items.length, capacity = to] = places;
  for (const bound of places) if (bound < 0 || bound > items.length) throw new Error(`index out of range: ${bound}`);
  if (from > to) throw new Error(`invalid slice index: ${from} > ${to}`);
  if (to > capacity) throw new Error(`invalid slice index: ${to} > ${capacity}`);
  const part = items.slice(from, to);
  return part instanceof Uint8Array ? new TextDecoder().decode(part) : part;
}

function length(value: unknown): number {
  if (typeof value === "string") return utf8.encode(value).length;
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

const htmlEscapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

/** What a string literal of JavaScript cannot hold as it is, as Go's JSEscape has it. */
function escapeJs(text: string): string {
  return text.replace(/[\\'"<>&=\p{Cc}]/gu, (c) =>
    /[\\'"]/.test(c) ? `\\${c}` : `\\u${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`,
  );
}

/** Functions whose arguments are evaluated only as far as they decide: the interpreter's own. */
export const lazyFunctions: readonly string[] = ["and", "or"];

/** Functions that take any number of arguments, from that of their parameters on. */
export const variadic: ReadonlySet<string> = new Set(
  "and or call index slice print println printf html js urlquery eq".split(" "),
);

/** All other functions by name. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  not: (value) => !truth(value),
  call: (callee, ...args) => {
    if (typeof callee !== "function") throw new Error(`non-function ${printed(callee)} of type ${typeName(callee)}`);
    return callee(...args);
  },
  len: length,
  index,
  slice,
  print: (...args) => sprint(args),
  println: (...args) => `${args.map(printed).join(" ")}\n`,
  printf: (format, ...args) => printf(text(format), args),
  html: (...args) => sprint(args).replace(/[&<>"']/g, (c) => htmlEscapes[c]!),
  js: (...args) => escapeJs(sprint(args)),
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
