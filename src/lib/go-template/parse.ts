/** The parser of Go's text/template: tokens to a tree. */
import { lex, lineOf, TemplateSyntaxError, type Token } from "./lex.ts";

/** A value's origin. `at` is an offset in the source, `text` how error messages quote it. */
export type Term = { readonly at: number; readonly text: string } & (
  | { readonly kind: "dot" }
  | { readonly kind: "nil" }
  | { readonly kind: "constant"; readonly value: unknown }
  | { readonly kind: "field"; readonly names: readonly string[] }
  | { readonly kind: "variable"; readonly variable: string; readonly names: readonly string[] }
  | { readonly kind: "function"; readonly called: string }
  | { readonly kind: "pipe"; readonly pipe: Pipe; readonly names: readonly string[] }
);

/** `a b c | d e`, possibly assigned. */
export interface Pipe {
  readonly at: number;
  readonly text: string;
  readonly variables: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly (readonly Term[])[];
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | { readonly kind: "if" | "with" | "range"; readonly pipe: Pipe; readonly body: Node[]; readonly otherwise: Node[] }
  | { readonly kind: "template"; readonly called: string; readonly pipe: Pipe | null }
  | { readonly kind: "break" | "continue" };

export interface Template {
  readonly source: string;
  readonly nodes: Node[];
  readonly defined: ReadonlyMap<string, Node[]>;
}

/** Parses a template whose functions are `known`; throws {@link TemplateSyntaxError} in Go's words. */
export function parseTemplate(source: string, known: (name: string) => boolean): Template {
  const tokens = lex(source);
  const defined = new Map<string, Node[]>();
  let i = 0;
  const scopes: string[] = ["$"];
  let rangeDepth = 0;

  const fail = (at: number, message: string): never => {
    throw new TemplateSyntaxError(`template: :${lineOf(source, at)}: ${message}`);
  };
  const skipSpace = (): void => {
    while (tokens[i]?.kind === "space") i++;
  };
  const peek = (): Token => {
    skipSpace();
    return tokens[i] ?? fail(source.length, "unexpected EOF");
  };
  const take = (): Token => {
    const token = peek();
    i++;
    return token;
  };
  const expectClose = (context: string): void => {
    const token = take();
    if (token.kind !== "close") fail(token.at, `unexpected ${shown(token)} in ${context}`);
  };

  function nodes(ends: readonly string[]): { list: Node[]; end: string } {
    const list: Node[] = [];
    while (i < tokens.length) {
      const token = tokens[i++]!;
      if (token.kind === "text") {
        list.push({ kind: "text", text: token.text });
        continue;
      }
      const word = peek();
      const keyword = word.kind === "word" ? word.text : "";
      if (keyword === "end" || keyword === "else") {
        if (!ends.includes(keyword)) fail(word.at, `unexpected {{${keyword}}}`);
        i++;
        return { list, end: keyword };
      }
      const node = action(keyword);
      if (node) list.push(node);
    }
    if (ends.length > 0) fail(source.length, "unexpected EOF");
    return { list, end: "" };
  }

  function action(keyword: string): Node | null {
    if (keyword === "if" || keyword === "with" || keyword === "range") {
      i++;
      return control(keyword);
    }
    if (keyword === "break" || keyword === "continue") {
      const token = take();
      if (rangeDepth === 0) fail(token.at, `{{${keyword}}} outside {{range}}`);
      expectClose(keyword);
      return { kind: keyword };
    }
    if (keyword === "define" || keyword === "block") {
      i++;
      const called = nameString(keyword);
      const given = keyword === "block" ? pipeline("block") : null;
      if (!given) expectClose("define clause");
      const kept = scopes.splice(1);
      defined.set(called, nodes(["end"]).list);
      scopes.push(...kept);
      expectClose("end");
      return given ? { kind: "template", called, pipe: given } : null;
    }
    if (keyword === "template") {
      i++;
      const called = nameString("template clause");
      if (peek().kind === "close") {
        i++;
        return { kind: "template", called, pipe: null };
      }
      return { kind: "template", called, pipe: pipeline("template clause") };
    }
    return { kind: "action", pipe: pipeline("command") };
  }

  function nameString(context: string): string {
    const token = take();
    if (token.kind !== "string") return fail(token.at, `unexpected ${shown(token)} in ${context}`);
    return unquote(token.text);
  }

  function control(kind: "if" | "with" | "range"): Node {
    const depth = scopes.length;
    const pipe = pipeline(kind);
    if (kind === "range") rangeDepth++;
    const { list: body, end } = nodes(["end", "else"]);
    if (kind === "range") rangeDepth--;
    let otherwise: Node[] = [];
    if (end === "else") {
      const next = peek();
      if (next.kind === "word" && (next.text === "if" || next.text === "with") && kind !== "range") {
        i++;
        otherwise = [control(next.text)];
        scopes.length = depth;
        return { kind, pipe, body, otherwise };
      }
      expectClose("else");
      otherwise = nodes(["end"]).list;
    }
    expectClose("end");
    scopes.length = depth;
    return { kind, pipe, body, otherwise };
  }

  function pipeline(context: string, closer: "close" | ")" = "close"): Pipe {
    const start = peek().at;
    let variables: string[] = [];
    let declares = false;
    const mark = i;
    if (peek().kind === "variable") {
      const names = [take().text];
      if (context === "range" && peek().text === ",") {
        i++;
        names.push(take().text);
      }
      const operator = peek();
      if (operator.text === ":=" || operator.text === "=") {
        i++;
        variables = names;
        declares = operator.text === ":=";
        if (declares) scopes.push(...names);
      } else i = mark;
    }
    const commands: Term[][] = [];
    for (;;) {
      const operands: Term[] = [];
      for (;;) {
        const token = peek();
        if (token.kind === "close" || token.text === "|" || token.text === ")") break;
        if (operands.length > 0 && tokens[i - 1]?.kind !== "space" && token.kind !== "symbol") {
          fail(token.at, `unexpected ${shown(token)} in operand`);
        }
        operands.push(term(context));
      }
      const end = take();
      const [first] = operands;
      if (!first) {
        if (end.text === "|" || commands.length === 0) {
          fail(end.at, end.text === "|" ? `unexpected ${shown(end)} in ${context}` : `missing value for ${context}`);
        }
        // A bar at the end leads nowhere, and Go lets it.
      } else if (commands.length > 0 && ["dot", "nil", "constant"].includes(first.kind)) {
        fail(first.at, `non executable command in pipeline stage ${commands.length + 1}`);
      } else commands.push(operands);
      if (end.text === "|") continue;
      const matches = closer === "close" ? end.kind === "close" : end.text === ")";
      if (!matches) fail(end.at, `unexpected ${shown(end)} in ${context}`);
      return { at: start, text: source.slice(start, end.at).trim(), variables, declares, commands };
    }
  }

  function term(context: string): Term {
    const token = take();
    const { at, text } = token;
    const rest = (): string[] => {
      const names: string[] = [];
      while (tokens[i]?.kind === "field") names.push(tokens[i++]!.text.slice(1));
      return names;
    };
    switch (token.kind) {
      case "dot":
        return { kind: "dot", at, text };
      case "field": {
        const names = [text.slice(1), ...rest()];
        return { kind: "field", at, text: `.${names.join(".")}`, names };
      }
      case "variable": {
        if (!scopes.includes(text)) fail(at, `undefined variable ${JSON.stringify(text)}`);
        const names = rest();
        return { kind: "variable", at, text: [text, ...names].join("."), variable: text, names };
      }
      case "string":
        return { kind: "constant", at, text, value: unquote(text) };
      case "char":
        return { kind: "constant", at, text, value: unquote(`"${text.slice(1, -1)}"`).codePointAt(0) };
      case "number":
        return {
          kind: "constant",
          at,
          text,
          value: numberOf(text) ?? fail(at, `integer overflow: ${JSON.stringify(text)}`),
        };
      case "word":
        if (text === "true" || text === "false") return { kind: "constant", at, text, value: text === "true" };
        if (text === "nil") return { kind: "nil", at, text };
        if (!known(text)) fail(at, `function ${JSON.stringify(text)} not defined`);
        return { kind: "function", at, text, called: text };
      default:
        if (text !== "(") return fail(at, `unexpected ${shown(token)} in ${context}`);
        return pipeTerm(at, rest);
    }
  }

  function pipeTerm(at: number, rest: () => string[]): Term {
    const pipe = pipeline("parenthesized pipeline", ")");
    const names = rest();
    return { kind: "pipe", at, text: `(${pipe.text})${names.map((name) => `.${name}`).join("")}`, pipe, names };
  }

  const { list } = nodes([]);
  return { source, nodes: list, defined };
}

const keywords = "block break continue define else end if nil range template with .".split(" ");

/** A token as messages quote it. */
function shown({ text }: Token): string {
  if (keywords.includes(text)) return `<${text}>`;
  return text.length > 10 ? `${JSON.stringify(text.slice(0, 10))}...` : JSON.stringify(text);
}

/** The value of a Go number literal, in which a leading 0 means octal; null for one that is none. */
function numberOf(text: string): number | null {
  const [, sign = "", digits = ""] = /^([+-]?)(.*)$/.exec(text.replace(/_/g, "")) ?? [];
  const size = /^0\d+$/.test(digits) ? Number(`0o${digits.slice(1)}`) : Number(digits);
  if (Number.isNaN(size)) return null;
  return sign === "-" ? -size : size;
}

/** The value of a Go string literal. */
export function unquote(literal: string): string {
  if (literal.startsWith("`")) return literal.slice(1, -1);
  const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };
  return literal
    .slice(1, -1)
    .replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{3}|.)/g, (_all, code: string) => {
      if (/^[xuU]./.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
      if (/^[0-7]{3}$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
      return escapes[code] ?? code;
    });
}
