import { isSpace } from "../../../lib/characters.ts";
import type { Token } from "../text/source.ts";
import { type Fragment, tokenIn } from "./logical-line.ts";

/**
 * The `--flags` that stand before an instruction's arguments, their quotes and backslashes taken off, and where the
 * arguments begin. The first word without `--` ends them, and so does `--` itself. The escape is a backslash here whatever
 * `# escape=` says, as in BuildKit.
 */
export function readFlagWords(fragment: Fragment): { readonly flags: readonly Token[]; readonly end: number } {
  const { text } = fragment;
  const flags: Token[] = [];
  let at = 0;
  while (at < text.length) {
    while (at < text.length && isSpace(text[at]!)) at++;
    if (!text.startsWith("--", at)) break;
    const word = flagWord(text, at);
    if (word.text === "--") return { flags, end: word.end };
    flags.push(tokenIn(fragment, at, word.end, word.text));
    at = word.end;
  }
  return { flags, end: at };
}

function flagWord(text: string, start: number): { text: string; end: number } {
  let word = "";
  let quote = "";
  let at = start;
  for (; at < text.length; at++) {
    const character = text[at]!;
    if (quote === "" && isSpace(character)) break;
    if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character !== "\\") word += character;
    else if (at + 1 < text.length) word += text[++at];
  }
  return { text: word, end: at };
}
