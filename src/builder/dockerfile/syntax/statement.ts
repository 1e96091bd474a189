/** One instruction as it is written: its name, flags and arguments by form, not yet looked at for sense. */

import { firstBlanks, isSpace, leadingSpaceLength, trimSpace } from "../../../lib/characters.ts";
import type { Escape } from "../expansion/expand.ts";
import { located } from "../text/dockerfile-error.ts";
import type { Range, Token } from "../text/source.ts";
import { readFlagWords } from "./flag-words.ts";
import type { Heredoc } from "./heredoc.ts";
import { readJsonForm } from "./json-form.ts";
import { type Fragment, tokenIn, within } from "./logical-line.ts";
import { readPairs } from "./pairs.ts";
import { blankWords, quotedWords } from "./words.ts";

/** `key=value`, or the old `key value`. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly isOldForm: boolean;
  readonly range: Range;
}

export interface Statement {
  /** As it is written, in any case. */
  readonly keyword: Token;
  readonly flags: readonly Token[];
  readonly words: readonly Token[];
  /** True when the arguments are a JSON array. */
  readonly isJson: boolean;
  /** Those of ENV and LABEL. */
  readonly pairs: readonly Pair[];
  /** What ONBUILD triggers. */
  readonly trigger: Statement | null;
  readonly heredocs: readonly Heredoc[];
  /** The whole text, continued lines joined. */
  readonly text: string;
  /** Comments right before it. */
  readonly comments: readonly string[];
  /** Its lines, with those of its heredocs. */
  readonly range: Range;
}

/** What a form of arguments gives; the rest is empty. */
type Arguments = Partial<Pick<Statement, "words" | "isJson" | "pairs" | "trigger">>;
type Form = (args: Fragment, reading: StatementReading) => Arguments;

/** What a statement is read with. */
export interface StatementReading {
  readonly escapeCharacter: Escape;
  /** Its lines. */
  readonly range: Range;
  /** Comments right before it. */
  readonly comments: readonly string[];
}

const jsonOr =
  (other: (args: Fragment) => readonly Token[]) =>
  (args: Fragment): Arguments => {
    const words = readJsonForm(args);
    return words === null ? { words: other(args) } : { words, isJson: true };
  };

const whole = (args: Fragment): Token[] => (args.text === "" ? [] : [tokenIn(args, 0, args.text.length)]);
const wholeOrJson = jsonOr(whole);

const health: Form = (args) => {
  const { text } = args;
  let end = 0;
  while (end < text.length && !isSpace(text[end]!)) end++;
  if (end === 0) return {};
  const command = within(args, end + leadingSpaceLength(text.slice(end)));
  const rest = command.text === "" ? {} : wholeOrJson(command);
  return { ...rest, words: [tokenIn(args, 0, end), ...(rest.words ?? [])] };
};

/** A trigger that is itself ONBUILD is refused later, and read no further: a line of nothing else would never end. */
const trigger: Form = (args, { escapeCharacter, range }) => {
  if (args.text === "") return {};
  const isChained = /^onbuild(?!\S)/i.test(args.text);
  const text = isChained ? within(args, 0, "ONBUILD".length) : args;
  return { trigger: readStatement(text, { escapeCharacter, range, comments: [] }) };
};

const forms: Record<string, Form> = {
  ADD: jsonOr(blankWords),
  ARG: (args, { escapeCharacter }) => ({ words: quotedWords(args, escapeCharacter) }),
  CMD: wholeOrJson,
  COPY: jsonOr(blankWords),
  ENTRYPOINT: wholeOrJson,
  ENV: (args, { escapeCharacter }) => ({ pairs: readPairs(args, "ENV", escapeCharacter) }),
  EXPOSE: (args) => ({ words: blankWords(args) }),
  FROM: (args) => ({ words: blankWords(args) }),
  HEALTHCHECK: health,
  LABEL: (args, { escapeCharacter }) => ({ pairs: readPairs(args, "LABEL", escapeCharacter) }),
  MAINTAINER: (args) => ({ words: whole(args) }),
  ONBUILD: trigger,
  RUN: wholeOrJson,
  SHELL: wholeOrJson,
  STOPSIGNAL: (args) => ({ words: whole(args) }),
  USER: (args) => ({ words: whole(args) }),
  VOLUME: jsonOr(blankWords),
  WORKDIR: (args) => ({ words: whole(args) }),
};

export const instructionNames: readonly string[] = Object.keys(forms);

/** Where a text stands that one of a statement's words, flags or pairs holds: the first that does. */
export function placeOf({ words, flags, pairs }: Statement, text: string): Range | null {
  if (text === "") return null;
  const found =
    words.find((word) => word.text === text) ??
    pairs.find(({ key, value }) => key === text || value === text) ??
    flags.find((flag) => flag.text.includes(text)) ??
    words.find((word) => word.text.includes(text));
  return found?.range ?? null;
}

/** The name of a statement in capitals, known or not. */
export function nameOf({ keyword }: Statement): string {
  return keyword.text.toUpperCase();
}

/** Reads one instruction; throws DockerfileError for arguments that do not have its form. An unknown name is no fault yet. */
export function readStatement(fragment: Fragment, reading: StatementReading): Statement {
  const { range, comments } = reading;
  const start = leadingSpaceLength(fragment.text);
  const line = within(fragment, start, start + trimSpace(fragment.text).length);
  const blank = firstBlanks(line.text);
  const keyword = tokenIn(line, 0, blank.start);
  const rest = within(line, blank.end);
  const { flags, end: flagsEnd } = readFlagWords(rest);
  const afterFlags = flagsEnd + leadingSpaceLength(rest.text.slice(flagsEnd));
  const args = within(rest, afterFlags);
  const form = forms[keyword.text.toUpperCase()];
  const read = form ? located([range], tokenIn(args, 0, args.text.length).range, () => form(args, reading)) : {};
  return {
    keyword,
    flags,
    words: read.words ?? [],
    isJson: read.isJson ?? false,
    pairs: read.pairs ?? [],
    trigger: read.trigger ?? null,
    heredocs: [],
    text: fragment.text,
    comments,
    range,
  };
}
