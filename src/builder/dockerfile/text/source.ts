/** Where things stand in a Dockerfile, and how a place is shown to the person who wrote it. */
import { starredCredentials } from "../../../lib/url-credentials.ts";

/** A place: both count from 1, columns in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** From the first character to the one behind the last, which may stand on a later line. */
export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** A Dockerfile's text by lines. */
export interface Source {
  /** What messages call the file. */
  readonly name: string;
  /** Without line ends, and without a byte order mark. */
  readonly lines: readonly string[];
}

/** A piece of text and where it stands. */
export interface Token {
  readonly text: string;
  readonly range: Range;
}

/** The whole of the lines `first` to `last`. */
export function lineRange(first: number, last: number): Range {
  return { start: { line: first, column: 1 }, end: { line: last, column: Number.MAX_SAFE_INTEGER } };
}

/** The text for others than its author: of credentials in a URL as many stars as they have characters. */
export function maskedSource({ name, lines }: Source): Source {
  return { name, lines: lines.map(starredCredentials) };
}

const shownAround = 4;
const longestShown = 240;

/**
 * The lines of `ranges` with a few around them, as buildx prints them, and a caret line under `caret`:
 *
 * ```text
 * Dockerfile:2
 * --------------------
 *    1 |     FROM scratch
 *    2 | >>> COPY --frm=x a b
 *      |          ^^^^^^^
 * --------------------
 * ```
 */
export function excerpt(source: Source, ranges: readonly Range[], caret: Range | null): string {
  const marked = new Set<number>();
  for (const { start, end } of ranges) for (let line = start.line; line <= end.line; line++) marked.add(line);
  const inFile = [...marked].filter((line) => line >= 1 && line <= source.lines.length).sort((a, b) => a - b);
  if (inFile.length === 0) return "";
  let [first, last] = [inFile[0]!, inFile.at(-1)!];
  for (let added = 0; added < shownAround; ) {
    const before = added;
    if (first > 1) [first, added] = [first - 1, added + 1];
    if (last < source.lines.length) [last, added] = [last + 1, added + 1];
    if (added === before) break;
  }
  const shown: string[] = [];
  for (let line = first; line <= last; line++) {
    const text = source.lines[line - 1] ?? "";
    const from = caret?.start.line === line ? windowStart(caret.start.column) : 0;
    shown.push(`${String(line).padStart(4)} | ${marked.has(line) ? ">>>" : "   "} ${visible(text, from)}`);
    if (caret?.start.line === line) shown.push(`     |     ${caretLine(text, from, caret)}`);
  }
  const rule = "-".repeat(20);
  return [`${source.name}:${inFile[0]}`, rule, ...shown, rule].join("\n");
}

/** A caret far to the right is shown with what stands around it. */
function windowStart(column: number): number {
  return column > longestShown ? column - longestShown / 2 : 0;
}

/**
 * What a terminal shows as it is; control characters, which could take it over, as `\x1b`. Tabs stay, and of credentials in a
 * URL as many stars as they have characters: what is shown is logged, too.
 */
function visible(text: string, from: number): string {
  const masked = starredCredentials(text);
  const cut = masked.slice(from, from + longestShown);
  const printable = cut.replace(/[\0-\x08\x0a-\x1f\x7f-\x9f]/g, (c) =>
    c === "\r" ? "" : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `${from > 0 ? "…" : ""}${printable}${from + longestShown < text.length ? "…" : ""}`;
}

function caretLine(text: string, from: number, { start, end }: Range): string {
  const begin = start.column - 1;
  const stop = end.line === start.line ? Math.min(end.column - 1, text.length) : text.length;
  // Tabs keep their width, so that the caret stands under what it means.
  const before = visible(text.slice(0, begin), from).replace(/[^\t]/g, " ");
  return `${before}${"^".repeat(Math.max(1, Math.min(stop - begin, longestShown)))}`;
}
