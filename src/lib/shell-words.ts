/** A command written as one text, split as Docker's Compose does: a shell's quotes and escapes, and nothing else of a shell. */
import { invalidArgument } from "./errors.ts";

/** Ends at an operator (`;`, `&`, `|`, `<`, `>`) outside of quotes; throws `invalidArgument` for an open quote or a parenthesis. */
export function splitShell(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === "\\" && quote !== "'") {
      if (++i >= text.length) throw invalidArgument("invalid command line string");
      word = (word ?? "") + text[i];
    } else if (quote !== "") {
      if (character === quote) quote = "";
      else word = (word ?? "") + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (/[ \t\r\n]/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (";&|<>".includes(character)) {
      if (character === ">" && word !== null && /^\d/.test(word)) word = null;
      break;
    } else if (character === "(") {
      throw invalidArgument("invalid command line string");
    } else word = (word ?? "") + character;
  }
  if (quote !== "") throw invalidArgument("invalid command line string");
  return word === null ? words : [...words, word];
}
