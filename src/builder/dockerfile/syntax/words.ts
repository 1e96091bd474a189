/** The ways in which instructions part their arguments. None expands anything; that is for when the instruction is carried out. */

import { blanks, characterAt, isSpace } from "../../../lib/characters.ts";
import type { Escape } from "../expansion/expand.ts";
import type { Token } from "../text/source.ts";
import { type Fragment, tokenIn } from "./logical-line.ts";

/** Parted at every blank, quotes or not: FROM, EXPOSE, and COPY, ADD and VOLUME where they are no JSON. */
export function blankWords(fragment: Fragment): Token[] {
  const { text } = fragment;
  const words: Token[] = [];
  if (text === "") return words;
  let start = 0;
  for (const { index, 0: blank } of text.matchAll(blanks)) {
    words.push(tokenIn(fragment, start, index));
    start = index + blank.length;
  }
  words.push(tokenIn(fragment, start, text.length));
  return words;
}

/** Parted at blanks that are neither quoted nor escaped; quotes and escapes stay. For ENV, LABEL and ARG. */
export function quotedWords(fragment: Fragment, escapeCharacter: Escape): Token[] {
  const { text } = fragment;
  const words: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const space = characterAt(text, at);
    if (isSpace(space)) {
      at += space.length;
      continue;
    }
    const word = quotedWord(text, at, escapeCharacter);
    if (word.text !== "") words.push(tokenIn(fragment, at, word.end, word.text));
    at = word.end;
  }
  return words;
}

function quotedWord(text: string, start: number, escapeCharacter: Escape): { text: string; end: number } {
  let word = "";
  let quote = "";
  let at = start;
  while (at < text.length) {
    const character = characterAt(text, at);
    if (quote === "" && isSpace(character)) break;
    if (character === escapeCharacter && quote !== "'") {
      // An escape at the very end is dropped.
      const escaped = characterAt(text, at + 1);
      if (escaped !== "") word += character + escaped;
      at += 1 + escaped.length;
      continue;
    }
    if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    word += character;
    at += character.length;
  }
  return { text: word, end: at };
}
