/**
 * The patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*` and `?`, which stop at a line's end, and a backslash before either.
 * Matched as a set of places in the pattern at once, so that no pattern takes more than its length times the value's.
 */
import { invalidArgument } from "../../../lib/errors.ts";
import type { WorkBudget } from "../syntax/limits.ts";

type Item = { readonly kind: "one"; readonly character: string } | { readonly kind: "any" } | { readonly kind: "star" };

/** A pattern that has been read. */
export type Pattern = readonly Item[];

/** Reads a pattern; throws `invalidArgument` for a backslash before anything that it cannot escape. */
export function readPattern(text: string): Pattern {
  const characters = Array.from(text);
  const items: Item[] = [];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === "*") items.push({ kind: "star" });
    else if (character === "?") items.push({ kind: "any" });
    else if (character !== "\\") items.push({ kind: "one", character });
    else if (characters[i + 1] !== "}" && characters[i + 1] !== "/") {
      // A brace or slash is escaped for the expansion around the pattern only.
      const escaped = characters[++i] ?? "";
      if (!["*", "?", "\\"].includes(escaped)) {
        throw invalidArgument(`invalid pattern (${text}) in substitution: invalid escape '\\${escaped}'`);
      }
      items.push({ kind: "one", character: escaped });
    }
  }
  return items;
}

/** Which of the matches that begin at one place. */
export type Reach = "shortest" | "longest";

/** Where the match that begins at `from` ends; -1 when none does. */
function matchEnd(pattern: Pattern, value: readonly string[], from: number, reach: Reach, budget: WorkBudget): number {
  let places = new Uint8Array(pattern.length + 1);
  let next = new Uint8Array(pattern.length + 1);
  let count = enter(pattern, places, 0);
  let end = -1;
  for (let at = from; ; at++) {
    if (places[pattern.length] === 1) {
      end = at;
      if (reach === "shortest") return end;
    }
    const character = value[at];
    if (character === undefined || count === 0) return end;
    budget.spend(pattern.length + 4);
    next.fill(0);
    count = 0;
    for (let place = 0; place < pattern.length; place++) {
      if (places[place] === 0) continue;
      const item = pattern[place]!;
      const matches = item.kind === "one" ? item.character === character : character !== "\n";
      if (matches) count += enter(pattern, next, item.kind === "star" ? place : place + 1);
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
    if (pattern[at]?.kind !== "star") break;
  }
  return count;
}

/** `value` without the beginning that matches. */
export function withoutPrefix(pattern: Pattern, value: string, reach: Reach, budget: WorkBudget): string {
  const characters = Array.from(value);
  const end = matchEnd(pattern, characters, 0, reach, budget);
  return end < 0 ? value : characters.slice(end).join("");
}

/** `value` without the end that matches: the beginning, seen from behind. */
export function withoutSuffix(pattern: Pattern, value: string, reach: Reach, budget: WorkBudget): string {
  const characters = Array.from(value).reverse();
  const end = matchEnd(pattern.toReversed(), characters, 0, reach, budget);
  return end < 0 ? value : characters.slice(end).reverse().join("");
}

/** `value` with the first match, or each, replaced; of those that begin at one place the longest is taken, as Go's regexp does. */
export function replaced(
  pattern: Pattern,
  value: string,
  replacement: string,
  every: boolean,
  budget: WorkBudget,
): string {
  const characters = Array.from(value);
  let result = "";
  let copied = 0;
  for (let at = 0; at <= characters.length; ) {
    const end = matchEnd(pattern, characters, at, "longest", budget);
    if (end < 0) {
      at++;
      continue;
    }
    result += characters.slice(copied, at).join("");
    // An empty match right behind another counts for nothing.
    if (end > copied || at === 0) {
      result += replacement;
      budget.spend(replacement.length);
    }
    copied = end;
    if (!every) break;
    at = Math.max(end, at + 1);
  }
  return result + characters.slice(copied).join("");
}
