import type { Position, Range, Token } from "../text/source.ts";

/** One instruction's text, put together from the lines it is continued over. */
export interface LogicalLine {
  readonly text: string;
  readonly firstLine: number;
  /** Of the text; heredocs may follow. */
  readonly lastLine: number;
  /** Where each piece of the text came from, in order. */
  readonly pieces: readonly Piece[];
}

export interface Piece {
  /** Where it begins in the text. */
  readonly start: number;
  readonly line: number;
  /** Of its first character in the file. */
  readonly column: number;
}

/** Part of a logical line that is read by itself; `text` begins at `start` of the line's text. */
export interface Fragment {
  readonly line: LogicalLine;
  readonly start: number;
  readonly text: string;
}

function positionOf(line: LogicalLine, at: number): Position {
  let low = 0;
  let high = line.pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (line.pieces[middle]!.start <= at) low = middle;
    else high = middle - 1;
  }
  const piece = line.pieces[low];
  if (piece === undefined) return { line: line.firstLine, column: 1 };
  return { line: piece.line, column: piece.column + at - piece.start };
}

/** Where the characters `start` to `end` (behind the last) of a fragment stand in the file. */
export function rangeIn(fragment: Fragment, start: number, end: number): Range {
  const from = positionOf(fragment.line, fragment.start + start);
  if (end <= start) return { start: from, end: from };
  const last = positionOf(fragment.line, fragment.start + end - 1);
  return { start: from, end: { line: last.line, column: last.column + 1 } };
}

/** The characters `start` to `end` of a fragment as a token; `text` where it means something else than is written. */
export function tokenIn(fragment: Fragment, start: number, end: number, text?: string): Token {
  return { text: text ?? fragment.text.slice(start, end), range: rangeIn(fragment, start, end) };
}

/** The fragment from `start` on, without the space around it. */
export function within(fragment: Fragment, start: number, end = fragment.text.length): Fragment {
  return { line: fragment.line, start: fragment.start + start, text: fragment.text.slice(start, end) };
}
