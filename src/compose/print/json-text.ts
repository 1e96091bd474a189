/** JSON in the form of Go's encoder. */
import { Float } from "./float.ts";

/** With an `indent`, one value a line. */
export function goJson(value: unknown, indent = "", prefix = ""): string {
  if (value instanceof Float) return value.json();
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" && !Number.isInteger(value)) return new Float(value, 64).json();
  const [open, close, parts] = collection(value, indent, prefix + indent);
  if (parts === null) return String(value);
  if (parts.length === 0) return open + close;
  if (indent === "") return open + parts.join(",") + close;
  return `${open}\n${parts.map((part) => prefix + indent + part).join(",\n")}\n${prefix}${close}`;
}

function collection(value: unknown, indent: string, inner: string): [string, string, string[] | null] {
  if (Array.isArray(value)) return ["[", "]", value.map((one) => goJson(one, indent, inner))];
  if (!(value instanceof Map)) return ["", "", null];
  const gap = indent === "" ? ":" : ": ";
  return ["{", "}", [...value].map(([key, one]) => quoted(String(key)) + gap + goJson(one, indent, inner))];
}

/** Go writes some characters that JSON lets stand as escapes. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029\x7f]/g, (character) =>
    character === "\x7f" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
