/** The lexer of Go's text/template: plain text and the tokens inside `{{ }}`. */

export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "field"
  | "variable"
  | "word"
  | "string"
  | "char"
  | "number"
  | "dot"
  | "symbol"
  | "space";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the source. */
  readonly at: number;
}

/** A template that does not parse; `at` is an offset in the source. */
export class TemplateSyntaxError extends Error {
  override readonly name = "TemplateSyntaxError";
}

/** `:1:` style positions count lines from 1. */
export function lineOf(source: string, at: number): number {
  return source.slice(0, at).split("\n").length;
}

const patterns: readonly [TokenKind, RegExp][] = [
  ["space", /[ \t\r\n]+/y],
  ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ["char", /'(?:[^'\\\n]|\\.)+'/y],
  ["number", /[+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)/y],
  ["variable", /\$[\p{L}\p{N}_]*/uy],
  ["field", /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ["dot", /\./y],
  ["word", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["symbol", /:=|=|\||\(|\)|,/y],
];

/** Cuts a template into tokens; throws {@link TemplateSyntaxError}. */
export function lex(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  while (at < source.length) {
    const open = source.indexOf("{{", at);
    let text = source.slice(at, open < 0 ? undefined : open);
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, "");
    trimNext = false;
    const trimBefore = open >= 0 && /^-[ \t\r\n]/.test(source.slice(open + 2, open + 4));
    if (trimBefore) text = text.replace(/[ \t\r\n]+$/, "");
    if (text) tokens.push({ kind: "text", text, at });
    if (open < 0) break;
    at = open + 2 + (trimBefore ? 2 : 0);
    if (source.startsWith("/*", at)) {
      const end = /\*\/([ \t\r\n]-)?\}\}/g;
      end.lastIndex = at;
      const match = end.exec(source);
      if (!match) throw new TemplateSyntaxError(`template: :${lineOf(source, at)}: unclosed comment`);
      trimNext = match[1] !== undefined;
      at = match.index + match[0].length;
      continue;
    }
    tokens.push({ kind: "open", text: "{{", at });
    at = lexAction(source, at, tokens, () => {
      trimNext = true;
    });
  }
  return tokens;
}

function lexAction(source: string, from: number, tokens: Token[], trim: () => void): number {
  let at = from;
  let depth = 0;
  for (;;) {
    const trimmed = /^[ \t\r\n]-\}\}/.test(source.slice(at, at + 4));
    if (trimmed || source.startsWith("}}", at)) {
      if (depth > 0) throw new TemplateSyntaxError(`template: :${lineOf(source, at)}: unclosed left paren`);
      if (trimmed) trim();
      tokens.push({ kind: "close", text: "}}", at });
      return at + (trimmed ? 4 : 2);
    }
    if (at >= source.length) throw new TemplateSyntaxError(`template: :${lineOf(source, from)}: unclosed action`);
    const token = nextToken(source, at);
    if (token.text === "(") depth++;
    if (token.text === ")") depth--;
    if (depth < 0) throw new TemplateSyntaxError(`template: :${lineOf(source, at)}: unexpected right paren`);
    tokens.push(token);
    at += token.text.length;
  }
}

function nextToken(source: string, at: number): Token {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match) return { kind, text: match[0], at };
  }
  const c = source[at]!;
  const line = lineOf(source, at);
  if (c === '"') throw new TemplateSyntaxError(`template: :${line}: unterminated quoted string`);
  if (c === "`") throw new TemplateSyntaxError(`template: :${line}: unterminated raw quoted string`);
  const code = c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  throw new TemplateSyntaxError(`template: :${line}: unexpected bad character U+${code} '${c}' in command`);
}
