/**
 * `$NAME`, `${NAME}` and its operators (`:-` `-` `:?` `?` `:+` `+`) in the values of Compose files; `$$` is a dollar.
 * https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
 */

export type Lookup = (name: string) => string | undefined;

export type Operator = ":-" | "-" | ":?" | "?" | ":+" | "+";

export type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "variable"; readonly name: string; readonly operator?: Operator; readonly word: readonly Part[] };

/** The text is no template; its message is Compose's. */
export class InvalidTemplate extends Error {}
/** A `:?` or `?` that was not met; its message is Compose's. */
export class MissingVariable extends Error {}

const deepest = 100;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const operator = /:?[-?+]/y;

/** Splits a template; throws {@link InvalidTemplate}. The time is linear in its length. */
export function parseTemplate(text: string): readonly Part[] {
  if (!text.includes("$")) return [{ kind: "text", text }];
  const reader = new Reader(text);
  return reader.parts(0);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Up to the end, or, inside of braces, up to the closing one. */
  parts(depth: number): Part[] {
    if (depth > deepest) throw new InvalidTemplate("the variables are nested too deeply");
    const parts: Part[] = [];
    let plain = "";
    let braces = 0;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at]!;
      if (character === "$") {
        const part = this.#variable(depth);
        if (typeof part === "string") plain += part;
        else {
          if (plain !== "") parts.push({ kind: "text", text: plain });
          plain = "";
          parts.push(part);
        }
        continue;
      }
      if (depth > 0 && character === "}" && braces === 0)
        return plain === "" ? parts : [...parts, { kind: "text", text: plain }];
      if (character === "{") braces++;
      if (character === "}") braces--;
      plain += character;
      this.#at++;
    }
    if (depth > 0) throw new InvalidTemplate();
    return plain === "" ? parts : [...parts, { kind: "text", text: plain }];
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  /** At a dollar: a variable, or the text it stands for. */
  #variable(depth: number): Part | string {
    this.#at++;
    const next = this.#text[this.#at];
    if (next === "$") {
      this.#at++;
      return "$";
    }
    if (next !== "{") {
      const bare = this.#match(name);
      return bare === undefined ? "$" : { kind: "variable", name: bare, word: [] };
    }
    this.#at++;
    const braced = this.#match(name);
    if (braced === undefined) throw new InvalidTemplate();
    const how = this.#match(operator) as Operator | undefined;
    const word = how === undefined ? [] : this.parts(depth + 1);
    if (this.#text[this.#at] !== "}") throw new InvalidTemplate();
    this.#at++;
    return { kind: "variable", name: braced, ...(how && { operator: how }), word };
  }
}

/**
 * Fills a template in. A variable that is not set and has no operator is empty, and told to `unset`. Throws
 * {@link InvalidTemplate} and {@link MissingVariable}. Values are not looked at again, so that nothing can recur.
 */
export function substitute(text: string, lookup: Lookup, unset: (name: string) => void): string {
  if (!text.includes("$")) return text;
  return fillIn(parseTemplate(text), lookup, unset);
}

function fillIn(parts: readonly Part[], lookup: Lookup, unset: (name: string) => void): string {
  return parts.map((part) => (part.kind === "text" ? part.text : filledIn(part, lookup, unset))).join("");
}

function filledIn(part: Extract<Part, { kind: "variable" }>, lookup: Lookup, unset: (name: string) => void): string {
  const value = lookup(part.name);
  const word = (): string => fillIn(part.word, lookup, unset);
  const isGiven = value !== undefined && (value !== "" || !part.operator?.startsWith(":"));
  switch (part.operator?.at(-1)) {
    case "-":
      return isGiven ? value : word();
    case "+":
      return isGiven ? word() : (value ?? "");
    case "?": {
      if (isGiven) return value;
      const reason = word();
      throw new MissingVariable(
        `required variable ${part.name} is missing a value${reason === "" ? "" : `: ${reason}`}`,
      );
    }
    default:
      if (value === undefined) unset(part.name);
      return value ?? "";
  }
}
