/** Values as Go's fmt prints them with %v, and as its encoder writes JSON. */
import { stringifyJson } from "../json.ts";

/** What a missing key of a map prints. */
export const noValue: unique symbol = Symbol("no value");

/** True for an object that is a Go struct on the daemon's side: every key an exported name. */
function isStruct(value: object): boolean {
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => /^[A-Z][A-Za-z0-9]*$/.test(key));
}

/** A value as text; `nested` inside a slice, map or struct. */
export function printValue(value: unknown, nested = false): string {
  if (value === noValue) return "<no value>";
  if (value === null || value === undefined) return nested ? "<nil>" : "<no value>";
  if (typeof value === "number") return printNumber(value);
  if (Array.isArray(value)) return `[${value.map((each) => printValue(each, true)).join(" ")}]`;
  if (typeof value === "object") {
    if (isStruct(value))
      return `{${Object.values(value)
        .map((each) => printValue(each, true))
        .join(" ")}}`;
    const keys = Object.keys(value).sort();
    return `map[${keys.map((key) => `${key}:${printValue((value as Record<string, unknown>)[key], true)}`).join(" ")}]`;
  }
  return String(value);
}

function printNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  return String(value).replace(/e([+-])(\d)$/, "e$10$2");
}

/** JSON on one line, `<`, `>` and `&` left as they are. */
export function printJson(value: unknown): string {
  return value === undefined || value === noValue ? "null" : stringifyJson(value);
}
