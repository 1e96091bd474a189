/** Expressions of HCL as trees, and what goes wrong in reading or computing them. */

/** What an expression comes to. */
export type HclValue = string | number | boolean | null | readonly HclValue[] | { readonly [key: string]: HclValue };

export type BinaryOperator = "+" | "-" | "*" | "/" | "%" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "&&" | "||";

export type Expression =
  | { readonly kind: "literal"; readonly value: HclValue }
  | { readonly kind: "variable"; readonly name: string; readonly at: number }
  | { readonly kind: "index"; readonly of: Expression; readonly key: Expression; readonly at: number }
  /** `of[*].a.b`: the rest, for each element. */
  | { readonly kind: "splat"; readonly of: Expression; readonly each: (element: Expression) => Expression }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly args: readonly Expression[];
      readonly spreads: boolean;
      readonly at: number;
    }
  | { readonly kind: "not" | "negative"; readonly of: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly at: number;
    }
  | { readonly kind: "conditional"; readonly test: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "map"; readonly items: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: "for"; readonly loop: Loop }
  /** A text with parts to be filled in. */
  | { readonly kind: "template"; readonly parts: readonly Expression[] };

/** `[for k, v in over : value if test]`, or with `key =>` an object. */
export interface Loop {
  readonly names: readonly string[];
  readonly over: Expression;
  readonly key: Expression | null;
  readonly value: Expression;
  readonly groups: boolean;
  readonly test: Expression | null;
  readonly at: number;
}

/** What is wrong, and at which character of the text it was seen; null where no place is known. */
export class HclError extends Error {
  override readonly name = "HclError";
  readonly at: number | null;

  constructor(message: string, at: number | null = null) {
    super(message);
    this.at = at;
  }
}

/** `line,column`, both counted from 1. */
export function placeIn(text: string, at: number): string {
  const before = text.slice(0, at).split("\n");
  return `${before.length},${(before.at(-1)?.length ?? 0) + 1}`;
}
