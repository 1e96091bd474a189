/** Heredocs: `<<EOF`, `<<-EOF` and quoted delimiters in RUN, COPY and ADD. */
import { invalidArgument } from "../../../lib/errors.ts";
import { type ExpandOptions, expand, tryExpand } from "../expansion/expand.ts";
import { WorkBudget } from "../text/limits.ts";

/** What `<<` names. */
export interface HeredocMark {
  /** The delimiter without its quotes; also the file's name. */
  readonly name: string;
  /** False when the delimiter is quoted: the text is taken as it stands. */
  readonly expands: boolean;
  /** `<<-`: tabs that begin a line are dropped. */
  readonly dropsTabs: boolean;
}

export interface Heredoc extends HeredocMark {
  /** As it stands in the file, with line ends. */
  readonly text: string;
}

function lexing(): ExpandOptions {
  return { variables: new Map(), escapeCharacter: "\\", budget: new WorkBudget(), keepUnset: true };
}

/** The heredoc that a word begins, or null; throws `invalidArgument` when its quotes do not match. */
function readHeredocMark(word: string): HeredocMark | null {
  const [, , dash, delimiter = ""] = /^(\d*)<<(-?)([^<]*)$/.exec(word) ?? [];
  if (delimiter === "") return null;
  const options = lexing();
  const { words } = expand(delimiter, options);
  const [name] = words;
  if (name === undefined || words.length !== 1) return null;
  const { words: raw } = expand(delimiter, { ...options, keepQuotes: true });
  if (raw.length !== 1) {
    throw invalidArgument(`internal lexing of heredoc produced inconsistent results: ${delimiter}`);
  }
  const quotes = (text: string): number => text.replace(/[^'"]/g, "").length;
  return { name, expands: quotes(name) === quotes(raw[0]!), dropsTabs: dash === "-" };
}

/** As {@link readHeredocMark}; a word with quotes that do not match is no heredoc. */
export function heredocMarkOf(word: string): HeredocMark | null {
  try {
    return readHeredocMark(word);
  } catch {
    return null;
  }
}

/** All that an instruction's text begins, in order. A text whose quotes do not match begins none. */
export function heredocMarksIn(text: string): HeredocMark[] {
  if (!text.includes("<<")) return [];
  const result = tryExpand(text, { ...lexing(), keepQuotes: true, keepEscapes: true });
  if ("error" in result) return [];
  return result.words.map(readHeredocMark).filter((mark) => mark !== null);
}

/** True when `line`, with its line end or without, ends the heredoc. */
export function endsHeredoc({ name, dropsTabs }: HeredocMark, line: string): boolean {
  const bare = line.replace(/[\r\n]+$/, "");
  return (dropsTabs ? bare.replace(/^\t+/, "") : bare) === name;
}

/** The text as it is meant. */
export function heredocText({ text, dropsTabs }: Heredoc): string {
  return dropsTabs ? text.replace(/^\t+/gm, "") : text;
}
