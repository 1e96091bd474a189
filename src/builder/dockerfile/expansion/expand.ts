/**
 * Words as they are meant: quotes and escapes taken off, `$v` and `${v…}` put in. The rules are those of BuildKit's shell
 * words, which mostly are sh's. All of `${v:-w} ${v-w} ${v:+w} ${v+w} ${v:?w} ${v?w} ${v#p} ${v##p} ${v%p} ${v%%p}
 * ${v/p/r} ${v//p/r}`, whose words may hold variables themselves.
 */

import { characterAt, isDigit, isNameCharacter } from "../../../lib/characters.ts";
import { invalidArgument } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import { maxExpandedLength, maxExpansionDepth, type WorkBudget } from "../text/limits.ts";
import { readPattern, replaced, withoutPrefix, withoutSuffix } from "./pattern.ts";
import { WordSplitter } from "./word-splitter.ts";

/** The character that escapes, and continues lines. */
export type Escape = "\\" | "`";

/** What is known of variables, and what is left as it stands. */
export interface ExpandOptions {
  readonly variables: ReadonlyMap<string, string>;
  readonly escapeCharacter: Escape;
  readonly budget: WorkBudget;
  /** Quotes stay in the result. */
  readonly keepQuotes?: boolean;
  /** Escapes stay in the result. */
  readonly keepEscapes?: boolean;
  /** Quotes are characters like any other: the text of a heredoc. */
  readonly plainQuotes?: boolean;
  /** A variable that is not set stays as it is written. */
  readonly keepUnset?: boolean;
}

/** What became of a word. */
export interface Expansion {
  readonly text: string;
  /** The same, parted at blanks that were neither quoted nor escaped. */
  readonly words: readonly string[];
  /** Variables that were asked for and set. */
  readonly matched: ReadonlySet<string>;
  /** Variables that were asked for and not set. */
  readonly unmatched: ReadonlySet<string>;
}

/** A word that cannot be expanded; what it asked for until then still counts for warnings. */
export type ExpansionFailure = { readonly error: Error } & Pick<Expansion, "matched" | "unmatched">;

/** Expands one word; throws `invalidArgument` in BuildKit's words. */
export function expand(word: string, options: ExpandOptions): Expansion {
  const result = tryExpand(word, options);
  if ("error" in result) throw result.error;
  return result;
}

/** As {@link expand}, for callers who report the variables of a failure too. */
export function tryExpand(word: string, options: ExpandOptions): Expansion | ExpansionFailure {
  const reader = new WordReader(word, options);
  try {
    return { ...reader.read(null, options.keepEscapes ?? false), matched: reader.matched, unmatched: reader.unmatched };
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const shown = word.length > longestShown ? `${word.slice(0, longestShown)}…` : word;
    const error = invalidArgument(`failed to process ${printf("%q", [shown])}: ${cause.message}`, { cause });
    return { error, matched: reader.matched, unmatched: reader.unmatched };
  }
}

/** Characters of a word that a message repeats. */
const longestShown = 300;
const specialParameters = "@*#?-$!0";

class WordReader {
  readonly matched = new Set<string>();
  readonly unmatched = new Set<string>();
  readonly #word: string;
  readonly #options: ExpandOptions;
  #at = 0;
  #depth = 0;

  constructor(word: string, options: ExpandOptions) {
    this.#word = word;
    this.#options = options;
  }

  get #isAtEnd(): boolean {
    return this.#at >= this.#word.length;
  }

  /** Reads up to `stop`, which is taken too, or the end. */
  read(stop: string | null, keepEscapes: boolean): { text: string; words: readonly string[] } {
    const { escapeCharacter, plainQuotes, budget } = this.#options;
    const splitter = new WordSplitter();
    let text = "";
    const add = (piece: string): void => {
      text += piece;
      budget.spend(piece.length + 1);
      if (text.length > maxExpandedLength)
        throw invalidArgument(`the result is longer than ${maxExpandedLength} characters`);
    };
    while (!this.#isAtEnd) {
      const character = this.#word[this.#at]!;
      if (character === stop) {
        this.#at++;
        return { text, words: splitter.end() };
      }
      if (character === "$") {
        const value = this.#dollar();
        add(value);
        splitter.addText(value);
      } else if (!plainQuotes && (character === "'" || character === '"')) {
        const value = character === "'" ? this.#singleQuoted() : this.#doubleQuoted(keepEscapes);
        add(value);
        splitter.addWhole(value);
      } else if (character === escapeCharacter) {
        this.#at++;
        if (keepEscapes) {
          add(character);
          splitter.addWhole(character);
        }
        if (this.#isAtEnd) break;
        const escaped = this.#next();
        add(escaped);
        splitter.addWhole(escaped);
      } else {
        const plain = this.#plain(stop);
        add(plain);
        splitter.addText(plain);
      }
    }
    if (stop !== null) throw invalidArgument(`unexpected end of statement while looking for matching ${stop}`);
    return { text, words: splitter.end() };
  }

  /** All characters from here that mean nothing but themselves. */
  #plain(stop: string | null): string {
    const start = this.#at;
    const isSpecial = (character: string): boolean =>
      character === "$" ||
      character === stop ||
      character === this.#options.escapeCharacter ||
      (!this.#options.plainQuotes && (character === "'" || character === '"'));
    while (!this.#isAtEnd && !isSpecial(this.#word[this.#at]!)) this.#at++;
    return this.#word.slice(start, this.#at);
  }

  #next(): string {
    const character = characterAt(this.#word, this.#at);
    this.#at += character.length;
    return character;
  }

  #singleQuoted(): string {
    const end = this.#word.indexOf("'", this.#at + 1);
    if (end < 0) {
      this.#at = this.#word.length;
      throw invalidArgument("unexpected end of statement while looking for matching single-quote");
    }
    const inside = this.#word.slice(this.#at + 1, end);
    this.#at = end + 1;
    return this.#options.keepQuotes ? `'${inside}'` : inside;
  }

  /** In double quotes only a quote, a dollar and the escape itself can be escaped; other escapes stay. */
  #doubleQuoted(keepEscapes: boolean): string {
    const { escapeCharacter, keepQuotes } = this.#options;
    const quote = keepQuotes ? '"' : "";
    let text = quote;
    this.#at++;
    while (!this.#isAtEnd) {
      const character = this.#word[this.#at]!;
      if (character === '"') {
        this.#at++;
        return text + quote;
      }
      if (character === "$") {
        text += this.#dollar();
        continue;
      }
      const next = this.#next();
      if (next !== escapeCharacter) {
        text += next;
        continue;
      }
      if (keepEscapes) text += escapeCharacter;
      if (this.#isAtEnd) continue;
      text += ['"', "$", escapeCharacter].includes(this.#word[this.#at]!) ? this.#next() : escapeCharacter;
    }
    throw invalidArgument("unexpected end of statement while looking for matching double-quote");
  }

  #dollar(): string {
    this.#at++;
    if (this.#word[this.#at] !== "{") {
      const name = this.#name();
      if (name === "") return "$";
      const value = this.#value(name);
      return value ?? (this.#options.keepUnset ? `$${name}` : "");
    }
    if (++this.#depth > maxExpansionDepth) {
      throw invalidArgument(`expansions are nested deeper than ${maxExpansionDepth}`);
    }
    this.#at++;
    const text = this.#braced();
    this.#depth--;
    return text;
  }

  /** What stands between the braces, the last one included. */
  #braced(): string {
    if (this.#isAtEnd) throw missing("'}'");
    if ("{}:".includes(this.#word[this.#at]!)) throw invalidArgument("syntax error: bad substitution");
    const name = this.#name();
    if (this.#isAtEnd) throw missing("'}'");
    const mark = this.#next();
    if (mark === "}") return this.#value(name) ?? (this.#options.keepUnset ? `\${${name}}` : "");
    if (mark === "/") return this.#replacement(name);
    const isEmptyUnset = mark === ":";
    if (isEmptyUnset && this.#isAtEnd) throw missing("'}'");
    const operator = isEmptyUnset ? this.#next() : mark;
    const written = isEmptyUnset ? `:${operator}` : operator;
    if (!isEmptyUnset && !"+-?#%".includes(operator)) throw unsupported(written);
    const other = this.#readTo("}", operator === "#" || operator === "%", "'}'");
    const value = this.#value(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}${written}${other}}`;
    return this.#modified(name, value, { operator, written, other, isEmptyUnset });
  }

  #modified(name: string, value: string | undefined, { operator, written, other, isEmptyUnset }: Modifier): string {
    const isUnset = value === undefined || (isEmptyUnset && value === "");
    switch (operator) {
      case "-":
        return isUnset ? other : value;
      case "+":
        return isUnset ? "" : other;
      case "?":
        if (!isUnset) return value;
        throw invalidArgument(`${name}: ${other || `is not allowed to be ${value === undefined ? "unset" : "empty"}`}`);
      case "#":
      case "%": {
        const isLongest = other.startsWith(operator);
        const pattern = readPattern(isLongest ? other.slice(1) : other);
        const cut = operator === "#" ? withoutPrefix : withoutSuffix;
        const { budget } = this.#options;
        return cut(pattern, value ?? "", { reach: isLongest ? "longest" : "shortest", budget });
      }
      default:
        throw unsupported(written);
    }
  }

  #replacement(name: string): string {
    const every = this.#word[this.#at] === "/";
    if (every) this.#at++;
    const pattern = this.#readTo("/", true, "'/' in $" + "{}");
    const replacement = this.#readTo("}", true, "'}'");
    const value = this.#value(name);
    if (value === undefined && this.#options.keepUnset)
      return `\${${name}/${every ? "/" : ""}${pattern}/${replacement}}`;
    return replaced(readPattern(pattern), value ?? "", { replacement, every, budget: this.#options.budget });
  }

  /** The text up to `stop`; when the word ends before, `wanted` is what is missing. */
  #readTo(stop: string, keepEscapes: boolean, wanted: string): string {
    try {
      return this.read(stop, keepEscapes).text;
    } catch (error) {
      if (this.#isAtEnd) throw missing(wanted);
      throw error;
    }
  }

  /** A name, all digits of a number, or one of sh's special parameters; nothing where none begins. */
  #name(): string {
    const start = this.#at;
    const first = characterAt(this.#word, start);
    if (first !== "" && !isDigit(first) && specialParameters.includes(first)) return this.#next();
    const belongs = isDigit(first) ? isDigit : isNameCharacter;
    while (!this.#isAtEnd && belongs(characterAt(this.#word, this.#at))) this.#next();
    return this.#word.slice(start, this.#at);
  }

  #value(name: string): string | undefined {
    const value = this.#options.variables.get(name);
    (value === undefined ? this.unmatched : this.matched).add(name);
    return value;
  }
}

interface Modifier {
  readonly operator: string;
  /** As it stands in the file. */
  readonly written: string;
  /** The word or pattern behind it. */
  readonly other: string;
  /** `:` before it: an empty value counts as none. */
  readonly isEmptyUnset: boolean;
}

const missing = (what: string): Error => invalidArgument(`syntax error: missing ${what}`);
const unsupported = (modifier: string): Error => invalidArgument(`unsupported modifier (${modifier}) in substitution`);
