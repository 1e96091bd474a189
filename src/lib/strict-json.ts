/**
 * JSON that everybody reads alike: what RFC 7493 (I-JSON, §2.1 and §2.3) forbids and `JSON.parse` takes is refused, because two
 * readers of one signed text might else see two things.
 */
import { invalidArgument } from "./errors.ts";
import { parseJson } from "./json.ts";

/** As {@link parseJson}; throws `invalidArgument` also for a key that an object has twice, and for half a surrogate pair. */
export function parseStrictJson(text: string): unknown {
  const value = parseJson(text);
  checkStrings(text);
  return value;
}

/** Walks the strings of a text that is JSON. */
function checkStrings(text: string): void {
  // The keys of each object that is open; null for an array.
  const open: (Set<string> | null)[] = [];
  let keys: Set<string> | null = null;
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (c === '"') {
      const end = endOfString(text, at);
      const value = stringOf(text.slice(at, end + 1));
      if (keys?.has(value)) throw invalidArgument(`invalid JSON: the key ${JSON.stringify(value)} comes twice`);
      keys?.add(value);
      keys = null;
      at = end;
    } else if (c === "{" || c === "[") {
      keys = c === "{" ? new Set() : null;
      open.push(keys);
    } else if (c === ",") keys = open.at(-1) ?? null;
    else if (c === "}" || c === "]") {
      open.pop();
      keys = null;
    }
  }
}

/** Where the string that begins at `start` has its closing quote. */
function endOfString(text: string, start: number): number {
  for (let at = start; ; ) {
    at = text.indexOf('"', at + 1);
    let escapes = 0;
    while (text[at - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return at;
  }
}

function stringOf(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  const value = JSON.parse(quoted) as string;
  if (!value.isWellFormed()) throw invalidArgument("invalid JSON: half a surrogate pair");
  return value;
}
