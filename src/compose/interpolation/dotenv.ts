/**
 * `.env` files: `NAME=value` or `NAME: value`, `export` in front, comments, quotes over several lines, variables in values.
 * https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file-format
 */
import { invalidArgument } from "../../lib/errors.ts";
import { InvalidTemplate, type Lookup, MissingVariable, substitute } from "./template.ts";

const spaces = "\\t\\v\\f\\r \\u0085\\u00a0";
const leadingSpace = new RegExp(`^[${spaces}]+`);
/** All values of one file together: variables can double with every line. */
const mostCharacters = 4 << 20;

/** Adds to `into`; a variable in a value is looked up, then taken from what stands above. Throws `invalidArgument`. */
export function parseDotenv(
  text: string,
  into: Map<string, string>,
  lookup: Lookup,
  warn: (name: string) => void,
): void {
  new DotenvReader(text.replace(/^\uFEFF/, ""), into, lookup, warn).read();
}

class DotenvReader {
  #rest: string;
  #line = 1;
  #size = 0;
  readonly #into: Map<string, string>;
  readonly #lookup: Lookup;
  readonly #warn: (name: string) => void;

  constructor(text: string, into: Map<string, string>, lookup: Lookup, warn: (name: string) => void) {
    this.#rest = text;
    this.#into = into;
    this.#lookup = lookup;
    this.#warn = warn;
  }

  read(): void {
    while (this.#skipToStatement()) {
      const { name, inherited } = this.#name();
      if (name.includes(" ")) throw invalidArgument(`line ${this.#line}: key cannot contain a space`);
      const value = inherited ? this.#lookup(name) : this.#value();
      if (value === undefined) continue;
      this.#size += value.length;
      if (this.#size > mostCharacters) throw invalidArgument(`line ${this.#line}: the values are too long`);
      this.#into.set(name, value);
    }
  }

  /** Drops `count` characters, and counts the lines among them. */
  #take(count: number): string {
    const taken = this.#rest.slice(0, count);
    this.#rest = this.#rest.slice(count);
    for (const character of taken) if (character === "\n") this.#line++;
    return taken;
  }

  #skipToStatement(): boolean {
    for (;;) {
      this.#take(/^\s*/.exec(this.#rest)![0].length);
      if (!this.#rest.startsWith("#")) return this.#rest !== "";
      this.#take(/^[^\n]*/.exec(this.#rest)![0].length);
    }
  }

  /** The name up to `=` or `:`; one that ends its line is inherited. */
  #name(): { name: string; inherited: boolean } {
    const exported = /^export[^\S\n]+/.exec(this.#rest)?.[0];
    if (exported !== undefined) this.#take(exported.length);
    const [allowed = ""] = new RegExp(`^(?:[\\p{L}\\p{N}_.\\[\\]-]|[${spaces}])*`, "u").exec(this.#rest) ?? [];
    const end = this.#rest[allowed.length];
    if (end !== undefined && end !== "=" && end !== ":" && end !== "\n") {
      const line = this.#rest.split("\n", 1)[0]!;
      const shown = String.fromCodePoint(this.#rest.codePointAt(allowed.length)!);
      throw invalidArgument(
        `line ${this.#line}: unexpected character ${JSON.stringify(shown)} in variable name ${JSON.stringify(line)}`,
      );
    }
    this.#take(allowed.length + (end === undefined ? 0 : 1));
    if (end === "=" || end === ":") this.#take(leadingSpace.exec(this.#rest)?.[0].length ?? 0);
    return { name: allowed.trimEnd(), inherited: end === "\n" || end === undefined };
  }

  #value(): string {
    const quote = this.#rest[0];
    if (quote === '"' || quote === "'") return this.#quoted(quote);
    const line = this.#take(/^[^\n]*/.exec(this.#rest)![0].length);
    return this.#expand(line.split(" #", 1)[0]!.trimEnd());
  }

  #quoted(quote: string): string {
    const found = new RegExp(`^${quote}((?:\\\\[^]|[^\\\\${quote}])*)${quote}`).exec(this.#rest);
    if (!found) throw invalidArgument(`line ${this.#line}: unterminated quoted value ${this.#rest.split("\n", 1)[0]}`);
    this.#take(found[0].length);
    const inner = found[1]!.replaceAll(`\\${quote}`, quote);
    return quote === "'" ? inner : this.#expand(inner.replace(/\\([abcfnrtv$"\\]|0\d{0,3})/g, unescaped));
  }

  #expand(text: string): string {
    try {
      return substitute(text, (name) => this.#lookup(name) ?? this.#into.get(name), this.#warn);
    } catch (error) {
      if (error instanceof InvalidTemplate) throw invalidArgument(`Invalid template: ${JSON.stringify(text)}`);
      if (error instanceof MissingVariable) throw invalidArgument(error.message);
      throw error;
    }
  }
}

const escapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  '"': '"',
  "\\": "\\",
  // Left for the substitution, which makes it one.
  $: "$$",
};

function unescaped(all: string, what: string): string {
  if (/^0\d{3}$/.test(what)) return String.fromCharCode(Number.parseInt(what.slice(1), 8) & 0xff);
  return escapes[what] ?? all;
}

/** `format: raw`, as `run --env-file` reads it: no quotes, no variables. A bare name is inherited. */
export function parseRawEnv(text: string, into: Map<string, string>, lookup: Lookup): void {
  for (const line of text.replace(/^\uFEFF/, "").split(/\r?\n/)) {
    const entry = line.trimStart();
    if (entry === "" || entry.startsWith("#")) continue;
    const [name = ""] = entry.split("=", 1);
    if (name === "") throw invalidArgument(`no variable name on line '${entry}'`);
    if (/\s/.test(name)) throw invalidArgument(`variable '${name}' contains whitespaces`);
    const value = entry.includes("=") ? entry.slice(name.length + 1) : lookup(name);
    if (value !== undefined) into.set(name, value);
  }
}
