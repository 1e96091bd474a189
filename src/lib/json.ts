/**
 * JSON without loss: integers outside the safe range become bigint and are written back as the same digits (Docker's
 * int64 fields), nesting is bounded, and `__proto__` stays an ordinary key.
 */
import { invalidArgument } from "./errors.ts";

const maxDepth = 512;

/** Only texts that may hold an integer above 2^53 pay for the reviver. */
const longNumber = /(?:^|[:,[])\s*-?\d{16}/;

/** A 64-bit integer as it came over the wire: a number when exact, else a bigint. */
export type Int64 = number | bigint;

/** Parses one JSON text; throws `invalidArgument` in the words of Go's decoder, which clients know. */
export function parseJson(text: string): unknown {
  checkDepth(text);
  try {
    return longNumber.test(text) ? JSON.parse(text, reviveBigInteger) : JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalidArgument(`invalid JSON: ${isTruncated(text) ? "unexpected EOF" : error.message}`);
  }
}

/** As JSON.stringify, with bigint written as a plain integer. Only values that hold one pay for it. */
export function stringifyJson(value: unknown, indent?: string | number): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, writeBigInteger, indent);
  }
}

type RawJson = { rawJSON: (text: string) => unknown };

function writeBigInteger(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? (JSON as unknown as RawJson).rawJSON(value.toString()) : value;
}

function reviveBigInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

function checkDepth(text: string): void {
  if (text.split("{").length + text.split("[").length <= maxDepth) return;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxDepth) throw invalidArgument(`invalid JSON: exceeded max depth of ${maxDepth}`);
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
}

function isTruncated(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) depth++;
    else if (c === 0x7d || c === 0x5d) depth--;
  }
  return inString || depth > 0 || text.trim() === "";
}
