/** Reads expressions of HCL's native syntax from a text: precedence as its specification has it. */
import type { BinaryOperator, Expression, HclValue, Loop } from "./expression.ts";
import { identifier, Scanner } from "./scanner.ts";

const number = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Operators by rising precedence. */
const levels: readonly (readonly BinaryOperator[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<=", ">=", "<", ">"],
  ["+", "-"],
  ["*", "/", "%"],
];

const deepest = 200;

export class Reader extends Scanner {
  #depth = 0;

  expression(): Expression {
    if (++this.#depth > deepest) this.fail("expressions are nested too deep");
    const test = this.#binary(0);
    const result = this.accept("?") ? this.#conditional(test) : test;
    this.#depth--;
    return result;
  }

  #conditional(test: Expression): Expression {
    const yes = this.expression();
    this.expect(":");
    return { kind: "conditional", test, yes, no: this.expression() };
  }

  #binary(level: number): Expression {
    const operators = levels[level];
    if (!operators) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      this.skip();
      const at = this.at;
      const operator = operators.find((each) => this.is(each));
      if (operator === undefined) return left;
      this.at += operator.length;
      left = { kind: "binary", operator, left, right: this.#binary(level + 1), at };
    }
  }

  #unary(): Expression {
    if (this.accept("!")) return { kind: "not", of: this.#unary() };
    if (this.accept("-")) return { kind: "negative", of: this.#unary() };
    return this.#behind(this.#term());
  }

  /** Attributes, indices and splats behind a term. */
  #behind(term: Expression): Expression {
    let result = term;
    for (;;) {
      this.skip();
      const at = this.at;
      if (this.is("...")) return result;
      if (this.is("[*]") || this.is(".*")) {
        this.at += this.is(".*") ? 2 : 3;
        const start = this.at;
        const each = (element: Expression): Expression => new Reader(this.text, start).#behind(element);
        this.#behind({ kind: "literal", value: null });
        return { kind: "splat", of: result, each };
      }
      if (this.accept(".")) {
        const key = this.take(/\d+/y);
        result = {
          kind: "index",
          of: result,
          key: { kind: "literal", value: key === null ? this.name() : Number(key) },
          at,
        };
      } else if (this.is("[")) {
        result = { kind: "index", of: result, key: this.#bracketed("[", "]", () => this.expression()), at };
      } else return result;
    }
  }

  #bracketed<T>(open: string, close: string, read: () => T): T {
    this.expect(open);
    this.brackets++;
    const result = read();
    this.skip();
    this.brackets--;
    this.expect(close);
    return result;
  }

  #term(): Expression {
    this.skip();
    const at = this.at;
    if (this.is("(")) return this.#bracketed("(", ")", () => this.expression());
    if (this.is("["))
      return this.#bracketed("[", "]", () => this.#loop(null) ?? { kind: "list", items: this.#items("]") });
    if (this.is("{")) return this.#bracketed("{", "}", () => this.#loop("=>") ?? this.#map());
    if (this.is('"')) return this.#quoted();
    if (this.is("<<")) return this.#heredoc();
    const digits = this.take(number);
    if (digits !== null) return { kind: "literal", value: Number(digits) };
    const name = this.name();
    const constants: Readonly<Record<string, HclValue>> = { true: true, false: false, null: null };
    if (Object.hasOwn(constants, name)) return { kind: "literal", value: constants[name] ?? null };
    if (this.is("(")) return this.#call(name, at);
    return { kind: "variable", name, at };
  }

  #call(name: string, at: number): Expression {
    return this.#bracketed("(", ")", () => {
      const args: Expression[] = [];
      let spreads = false;
      for (this.skip(); !this.is(")"); this.skip()) {
        args.push(this.expression());
        spreads = this.accept("...");
        if (!this.accept(",")) break;
      }
      return { kind: "call", name, args, spreads, at };
    });
  }

  #items(close: string): Expression[] {
    const items: Expression[] = [];
    for (this.skip(); !this.is(close); this.skip()) {
      items.push(this.expression());
      if (!this.accept(",")) break;
    }
    return items;
  }

  #map(): Expression {
    const items: [Expression, Expression][] = [];
    for (this.skip(); !this.is("}"); this.skip()) {
      const key = this.#key();
      if (!this.accept("=")) this.expect(":");
      items.push([key, this.expression()]);
      // Line ends part items as well as commas; both have been passed here, or the bracket comes.
      this.accept(",");
    }
    return { kind: "map", items };
  }

  /** A bare word as a key stands for itself. */
  #key(): Expression {
    this.skip();
    const start = this.at;
    const word = this.take(identifier);
    this.skip();
    if (word !== null && (this.is("=") || this.is(":")) && !this.is("==")) return { kind: "literal", value: word };
    this.at = start;
    return this.expression();
  }

  /** `for` in brackets; null where there is none. */
  #loop(arrow: "=>" | null): Expression | null {
    this.skip();
    const at = this.at;
    if (this.take(/for(?=[\s])/y) === null) return null;
    const names = [this.name()];
    if (this.accept(",")) names.push(this.name());
    this.skip();
    if (this.take(/in(?=[\s([{])/y) === null) this.fail('"in" expected');
    const over = this.expression();
    this.expect(":");
    const first = this.expression();
    let key: Expression | null = null;
    let value = first;
    if (arrow !== null) {
      this.expect(arrow);
      key = first;
      value = this.expression();
    }
    const groups = arrow !== null && this.accept("...");
    this.skip();
    const test = this.take(/if(?=[\s(!])/y) === null ? null : this.expression();
    const loop: Loop = { names, over, key, value, groups, test, at };
    return { kind: "for", loop };
  }

  #quoted(): Expression {
    this.at++;
    const parts = this.template('"');
    this.at++;
    return joined(parts);
  }

  /** Text and `${}` up to `end`, which is not passed; "" is the end of the text. */
  template(end: string, escapes = true): Expression[] {
    const parts: Expression[] = [];
    let text = "";
    const flush = (): void => {
      if (text !== "") parts.push({ kind: "literal", value: text });
      text = "";
    };
    for (;;) {
      if (this.at >= this.text.length) {
        if (end !== "") this.fail("a text has no end");
        break;
      }
      if (end !== "" && this.is(end)) break;
      if (this.is("$${") || this.is("%%{")) {
        text += this.text.slice(this.at + 1, this.at + 3);
        this.at += 3;
      } else if (this.is("${")) {
        flush();
        parts.push(this.#interpolated());
      } else if (this.is("%{"))
        this.fail("directives (%{ }) are not supported in templates: a conditional expression says the same");
      else if (escapes && this.is("\\")) text += this.#escape();
      else if (end === '"' && this.is("\n")) this.fail("a text in quotes ends in its line");
      else text += this.text[this.at++];
    }
    flush();
    return parts;
  }

  #interpolated(): Expression {
    this.at += 2;
    this.accept("~");
    this.brackets++;
    const part = this.expression();
    this.accept("~");
    this.skip();
    this.brackets--;
    this.expect("}");
    return part;
  }

  #escape(): string {
    const unicode = this.take(/\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}/y);
    if (unicode !== null) return String.fromCodePoint(Number.parseInt(unicode.slice(2), 16));
    const known: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };
    const letter = this.text[this.at + 1] ?? "";
    if (!Object.hasOwn(known, letter)) this.fail(`no such escape: \\${letter}`);
    this.at += 2;
    return known[letter] ?? "";
  }

  /** `<<WORD` or, without the blanks that all lines begin with, `<<-WORD`. */
  #heredoc(): Expression {
    const head = this.take(/<<-?[\p{ID_Start}_][\p{ID_Continue}-]*\r?\n/uy) ?? this.fail("a heredoc's word expected");
    const word = head.replace(/^<<-?/, "").trim();
    const end = new RegExp(`^[ \\t]*${word}[ \\t]*$`, "m").exec(this.text.slice(this.at));
    if (!end) this.fail(`the heredoc ${word} has no end`);
    const body = this.text.slice(this.at, this.at + end.index);
    const lines = body.split("\n");
    const margin = Math.min(
      ...lines.filter((line) => line.trim() !== "").map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0),
    );
    const text =
      head.startsWith("<<-") && Number.isFinite(margin) ? lines.map((line) => line.slice(margin)).join("\n") : body;
    this.at += end.index + end[0].length;
    return joined(new Reader(text).template("", false));
  }
}

/** A template of one part that is filled in is that value itself, whatever its type. */
export function joined(parts: readonly Expression[]): Expression {
  const [only] = parts;
  if (parts.length === 0) return { kind: "literal", value: "" };
  return parts.length === 1 && only ? only : { kind: "template", parts };
}

/** A text of a JSON file, in which `${}` is filled in. */
export function readTemplate(text: string): Expression {
  return joined(new Reader(text).template("", false));
}
