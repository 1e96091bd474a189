/**
 * The patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*` and `?`, which stop at a line's end, and a backslash before either.
 * Matched as a set of places in the pattern at once, so that no pattern takes more than its length times the value's.
 */
import { invalidArgument } from "../../../lib/errors.ts";
import type { WorkBudget } from "../text/limits.ts";

/** A pattern that has been read: a character's code at each place, or one of the two below. */
export type Pattern = Int32Array<ArrayBuffer>;

const star = -1;
const any = -2;
const lineEnd = 0x0a;

/** Reads a pattern; throws `invalidArgument` for a backslash before anything that it cannot escape. */
export function readPattern(text: string): Pattern {
  const characters = Array.from(text);
  const places: number[] = [];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === "*") places.push(star);
    else if (character === "?") places.push(any);
    else if (character !== "\\") places.push(character.codePointAt(0)!);
    else if (characters[i + 1] !== "}" && characters[i + 1] !== "/") {
      // A brace or slash is escaped for the expansion around the pattern only.
      const escaped = characters[++i] ?? "";
      if (!["*", "?", "\\"].includes(escaped)) {
        throw invalidArgument(`invalid pattern (${text}) in substitution: invalid escape '\\${escaped}'`);
      }
      places.push(escaped.codePointAt(0)!);
    }
  }
  return Int32Array.from(places);
}

const codesOf = (text: string): Int32Array<ArrayBuffer> =>
  Int32Array.from(text, (character) => character.codePointAt(0)!);

/** The text of some codes; in pieces, as there is a limit to what a call takes. */
function textOf(codes: Int32Array): string {
  let text = "";
  for (let at = 0; at < codes.length; at += 4096) text += String.fromCodePoint(...codes.subarray(at, at + 4096));
  return text;
}

/** Which of the matches that begin at one place is taken, and at whose expense. */
export interface Matching {
  readonly reach: "shortest" | "longest";
  readonly budget: WorkBudget;
}

interface Place {
  readonly value: Int32Array;
  readonly from: number;
}

/** Where the match at the beginning of what stands at `from` ends; -1 when there is none. */
function matchEnd(pattern: Pattern, { value, from }: Place, { reach, budget }: Matching): number {
  let places = new Uint8Array(pattern.length + 1);
  let next = new Uint8Array(pattern.length + 1);
  let count = enter(pattern, places, 0);
  let end = -1;
  for (let at = from; ; at++) {
    if (places[pattern.length] === 1) {
      end = at;
      if (reach === "shortest") return end;
    }
    const code = value[at];
    if (code === undefined || count === 0) return end;
    budget.spend(pattern.length + 4);
    next.fill(0);
    count = 0;
    for (let place = 0; place < pattern.length; place++) {
      if (places[place] === 0) continue;
      const wanted = pattern[place]!;
      if (wanted === code || (wanted < 0 && code !== lineEnd)) {
        count += enter(pattern, next, wanted === star ? place : place + 1);
      }
    }
    [places, next] = [next, places];
  }
}

/** Marks a place, and those behind it that stars open by matching nothing; answers how many are new. */
function enter(pattern: Pattern, places: Uint8Array, place: number): number {
  let count = 0;
  for (let at = place; places[at] === 0; at++) {
    places[at] = 1;
    count++;
    if (pattern[at] !== star) break;
  }
  return count;
}

/** `text` without the beginning that matches. */
export function withoutPrefix(pattern: Pattern, text: string, matching: Matching): string {
  const value = codesOf(text);
  const end = matchEnd(pattern, { value, from: 0 }, matching);
  return end < 0 ? text : textOf(value.subarray(end));
}

/** `text` without the end that matches: the beginning, seen from behind. */
export function withoutSuffix(pattern: Pattern, text: string, matching: Matching): string {
  const value = codesOf(text).reverse();
  const end = matchEnd(pattern.toReversed(), { value, from: 0 }, matching);
  return end < 0 ? text : textOf(value.subarray(end).toReversed());
}

/** How matches are replaced. */
export interface Replacing {
  readonly replacement: string;
  /** Each match, and not the first one only. */
  readonly every: boolean;
  readonly budget: WorkBudget;
}

/** `text` with matches replaced; of those that begin at one place the longest is taken, as Go's regexp does. */
export function replaced(pattern: Pattern, text: string, { replacement, every, budget }: Replacing): string {
  const value = codesOf(text);
  let result = "";
  let copied = 0;
  for (let from = 0; from <= value.length; ) {
    const end = matchEnd(pattern, { value, from }, { reach: "longest", budget });
    if (end < 0) {
      from++;
      continue;
    }
    result += textOf(value.subarray(copied, from));
    // An empty match right behind another counts for nothing.
    if (end > copied || from === 0) {
      result += replacement;
      budget.spend(replacement.length);
    }
    copied = end;
    if (!every) break;
    from = Math.max(end, from + 1);
  }
  return result + textOf(value.subarray(copied));
}
