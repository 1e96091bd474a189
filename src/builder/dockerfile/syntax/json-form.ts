import { leadingSpaceLength } from "../../../lib/characters.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import type { Token } from "../text/source.ts";
import { type Fragment, tokenIn } from "./logical-line.ts";

/**
 * The JSON form of an instruction, `["a", "b"]`. Null when the text is not JSON at all, which makes it the other form;
 * throws `invalidArgument` for an array of anything but strings.
 */
export function readJsonForm(fragment: Fragment): Token[] | null {
  const { text } = fragment;
  const start = leadingSpaceLength(text);
  if (text[start] !== "[") return null;
  let value: unknown;
  try {
    value = JSON.parse(text.slice(start));
  } catch {
    return null;
  }
  if (!Array.isArray(value)) return null;
  if (!value.every((each) => typeof each === "string")) {
    throw invalidArgument("when using JSON array syntax, arrays must be comprised of strings only");
  }
  const literals = [...text.matchAll(/"(?:[^"\\]|\\.)*"/g)];
  return value.map((each: string, i) => {
    const { index, 0: literal } = literals[i]!;
    return tokenIn(fragment, index, index + literal.length, each.toWellFormed());
  });
}
