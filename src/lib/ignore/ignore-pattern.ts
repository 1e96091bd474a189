/**
 * One pattern of an ignore file against paths: `*`, `?` and classes inside a path's segment, `**` over any number of them.
 * The oddities are moby's patternmatcher's: `**` before anything stands for whole directories or nothing, slash included, so
 * that `a**b` does not match `axb`.
 * Matched as a set of places in the pattern, so that no pattern takes more than its length times the path's.
 */
import { invalidArgument } from "../errors.ts";
import { globMatch, isMalformedGlob } from "../glob.ts";

type Item =
  | { readonly kind: "one"; readonly character: string }
  /** One character, as a glob has it: `?` or a class. */
  | { readonly kind: "any" }
  | { readonly kind: "class"; readonly glob: string }
  | { readonly kind: "star" }
  /** `**` at the end. */
  | { readonly kind: "rest" }
  /** `**` before something: nothing, or whole directories. The item behind it stands for being inside of one. */
  | { readonly kind: "tree" }
  | { readonly kind: "inside" };

export class IgnorePattern {
  /** Without `!`. */
  readonly text: string;
  readonly isException: boolean;
  readonly #items: readonly Item[];
  readonly #matches: (path: string) => boolean;

  /** `pattern` is clean; throws `invalidArgument` for one that no glob can be. */
  constructor(pattern: string) {
    this.isException = pattern.startsWith("!");
    this.text = this.isException ? pattern.slice(1) : pattern;
    if (this.text === "") throw invalidArgument('illegal exclusion pattern: "!"');
    if (isMalformedGlob(this.text) || hasBackwardRange(this.text))
      throw invalidArgument(`${this.text}: syntax error in pattern`);
    this.#items = readItems(this.text);
    this.#matches = this.#simple() ?? ((path) => this.#placesAfter(path).has(this.#items.length));
  }

  /** True when it matches the path itself. */
  matches(path: string): boolean {
    return this.#matches(path);
  }

  /** True when it may match something below the directory. */
  mayMatchBelow(directory: string): boolean {
    return this.#placesAfter(`${directory}/`).size > 0;
  }

  /** Most patterns are texts, with `**` before or behind at most. */
  #simple(): ((path: string) => boolean) | null {
    const { text } = this;
    if (!/[*?[\]\\]/.test(text)) return (path) => path === text;
    if (/^\*\*[^*?[\]\\]*$/.test(text)) {
      const suffix = text.slice(2);
      return (path) => path.endsWith(suffix) || (suffix.startsWith("/") && path === suffix.slice(1));
    }
    if (/^[^*?[\]\\]+\*\*$/.test(text)) {
      const prefix = text.slice(0, -2);
      return (path) => path.startsWith(prefix);
    }
    return null;
  }

  #placesAfter(path: string): ReadonlySet<number> {
    let places = this.#closed(new Set([0]));
    for (const character of path) {
      if (places.size === 0) break;
      const next = new Set<number>();
      for (const place of places) this.#step(place, character, next);
      places = this.#closed(next);
    }
    return places;
  }

  #step(place: number, character: string, next: Set<number>): void {
    const item = this.#items[place];
    const isSlash = character === "/";
    switch (item?.kind) {
      case "one":
        if (item.character === character) next.add(place + 1);
        return;
      case "any":
        if (!isSlash) next.add(place + 1);
        return;
      case "class":
        if (globMatch(item.glob, character)) next.add(place + 1);
        return;
      case "star":
        if (!isSlash) next.add(place);
        return;
      case "rest":
        next.add(place);
        return;
      case "tree":
        next.add(place + 1);
        if (isSlash) next.add(place + 2);
        return;
      case "inside":
        next.add(place);
        if (isSlash) next.add(place + 1);
        return;
      case undefined:
        return;
    }
  }

  /** With the places that are reached by matching nothing. */
  #closed(places: Set<number>): Set<number> {
    for (const place of places) {
      const kind = this.#items[place]?.kind;
      if (kind === "star" || kind === "rest") places.add(place + 1);
      else if (kind === "tree") places.add(place + 2);
    }
    return places;
  }
}

function readItems(pattern: string): readonly Item[] {
  const items: Item[] = [];
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === "*" && characters[i + 1] === "*") {
      i += characters[i + 2] === "/" ? 2 : 1;
      if (i + 1 >= characters.length) items.push({ kind: "rest" });
      else items.push({ kind: "tree" }, { kind: "inside" });
    } else if (character === "*") items.push({ kind: "star" });
    else if (character === "?") items.push({ kind: "any" });
    else if (character === "\\") items.push({ kind: "one", character: characters[++i]! });
    else if (character === "[") {
      const end = classEnd(characters, i);
      items.push({ kind: "class", glob: characters.slice(i, end).join("") });
      i = end - 1;
    } else items.push({ kind: "one", character });
  }
  return items;
}

/** Behind the `]` of the class that begins at `start`; the pattern is known to be well-formed. */
function classEnd(characters: readonly string[], start: number): number {
  let i = start + 1;
  if (characters[i] === "^") i++;
  do {
    if (characters[i] === "\\") i++;
    i++;
  } while (i < characters.length && characters[i] !== "]");
  return i + 1;
}

/** `[z-a]`, which Go's globs know and its regular expressions, in which moby matches, do not. */
function hasBackwardRange(pattern: string): boolean {
  const characters = Array.from(pattern);
  return characters.some((character, start) => {
    if (character !== "[" || characters[start - 1] === "\\") return false;
    const inside = characters.slice(start + 1, classEnd(characters, start) - 1);
    return inside.some((low, i) => inside[i + 1] === "-" && low > (inside[i + 2] ?? low));
  });
}
