/** Computes expressions of HCL. */
import { type BinaryOperator, type Expression, HclError, type HclValue, type Loop } from "./expression.ts";

/** What names stand for. */
export interface Scope {
  /** Throws {@link HclError} for a name nobody knows. */
  variable(name: string): HclValue;
  /** Null for a function that is not there. */
  func(name: string): ((args: readonly HclValue[]) => HclValue) | null;
}

/** Throws {@link HclError}. */
export function evaluate(expression: Expression, scope: Scope): HclValue {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "variable":
      return placed(expression.at, () => scope.variable(expression.name));
    case "index":
      return indexed(evaluate(expression.of, scope), evaluate(expression.key, scope), expression.at);
    case "splat":
      return elementsOf(evaluate(expression.of, scope)).map((value) =>
        evaluate(expression.each({ kind: "literal", value }), scope),
      );
    case "call":
      return called(expression, scope);
    case "not":
      return !boolOf(evaluate(expression.of, scope));
    case "negative":
      return -numberOf(evaluate(expression.of, scope));
    case "binary":
      return placed(expression.at, () => combined(expression.operator, expression.left, expression.right, scope));
    case "conditional":
      return evaluate(boolOf(evaluate(expression.test, scope)) ? expression.yes : expression.no, scope);
    case "list":
      return expression.items.map((item) => evaluate(item, scope));
    case "map":
      return Object.fromEntries(
        expression.items.map(([key, item]) => [textOf(evaluate(key, scope)), evaluate(item, scope)]),
      );
    case "for":
      return looped(expression.loop, scope);
    case "template":
      return expression.parts.map((part) => textOf(evaluate(part, scope))).join("");
  }
}

function placed<T>(at: number, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof HclError && error.at === null) throw new HclError(error.message, at);
    throw error;
  }
}

const elementsOf = (value: HclValue): readonly HclValue[] => (value === null ? [] : isList(value) ? value : [value]);

export const isList = (value: HclValue): value is readonly HclValue[] => Array.isArray(value);

export const isMap = (value: HclValue): value is { readonly [key: string]: HclValue } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function textOf(value: HclValue): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new HclError(`a text expected, found ${kindOf(value)}`);
}

export function numberOf(value: HclValue): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && !Number.isNaN(number)) return number;
  throw new HclError(`a number expected, found ${kindOf(value)}`);
}

export function boolOf(value: HclValue): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw new HclError(`true or false expected, found ${kindOf(value)}`);
}

export function kindOf(value: HclValue): string {
  if (value === null) return "null";
  if (isList(value)) return "a list";
  return isMap(value) ? "an object" : JSON.stringify(value);
}

function indexed(of: HclValue, key: HclValue, at: number): HclValue {
  if (isList(of)) {
    const found = of[numberOf(key)];
    if (found === undefined) throw new HclError(`the list has no element ${textOf(key)}`, at);
    return found;
  }
  if (!isMap(of)) throw new HclError(`${kindOf(of)} has no elements`, at);
  const name = textOf(key);
  if (!Object.hasOwn(of, name)) throw new HclError(`the object has no ${JSON.stringify(name)}`, at);
  return of[name] ?? null;
}

function called(call: Expression & { kind: "call" }, scope: Scope): HclValue {
  if (call.name === "can" || call.name === "try") return attempted(call, scope);
  const func = scope.func(call.name);
  if (!func) throw new HclError(`there is no function ${JSON.stringify(call.name)}`, call.at);
  const args = call.args.map((arg) => evaluate(arg, scope));
  const last = args.at(-1) ?? null;
  return placed(call.at, () => func(call.spreads && isList(last) ? [...args.slice(0, -1), ...last] : args));
}

/** `try(a, b, …)` is the first of its arguments that can be computed, `can(a)` whether it can. */
function attempted({ name, args, at }: Expression & { kind: "call" }, scope: Scope): HclValue {
  if (args.length === 0) throw new HclError(`${name}() takes an argument`, at);
  for (const arg of args) {
    try {
      const value = evaluate(arg, scope);
      return name === "can" ? true : value;
    } catch (error) {
      if (!(error instanceof HclError)) throw error;
    }
  }
  if (name === "can") return false;
  throw new HclError("no argument of try() can be computed", at);
}

export const areEqual = (a: HclValue, b: HclValue): boolean => Bun.deepEquals(a, b);

function combined(operator: BinaryOperator, left: Expression, right: Expression, scope: Scope): HclValue {
  const a = evaluate(left, scope);
  if (operator === "&&") return boolOf(a) && boolOf(evaluate(right, scope));
  if (operator === "||") return boolOf(a) || boolOf(evaluate(right, scope));
  const b = evaluate(right, scope);
  if (operator === "==") return areEqual(a, b);
  if (operator === "!=") return !areEqual(a, b);
  return computed[operator](numberOf(a), numberOf(b));
}

const computed: Readonly<
  Record<Exclude<BinaryOperator, "&&" | "||" | "==" | "!=">, (a: number, b: number) => HclValue>
> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => {
    if (b === 0) throw new HclError("division by zero");
    return a / b;
  },
  "%": (a, b) => {
    if (b === 0) throw new HclError("division by zero");
    return a % b;
  },
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
};

function looped({ names, over, key, value, groups, test, at }: Loop, scope: Scope): HclValue {
  const source = evaluate(over, scope);
  const entries: readonly (readonly [HclValue, HclValue])[] = isList(source)
    ? source.map((each, index) => [index, each])
    : isMap(source)
      ? Object.entries(source)
      : placed(at, () => {
          throw new HclError(`a list or an object expected, found ${kindOf(source)}`);
        });
  const inner = (index: HclValue, element: HclValue): Scope => ({
    ...scope,
    func: (name) => scope.func(name),
    variable(name) {
      if (name === names.at(-1)) return element;
      return names.length === 2 && name === names[0] ? index : scope.variable(name);
    },
  });
  const kept = entries
    .map(([index, element]) => inner(index, element))
    .filter((each) => test === null || boolOf(evaluate(test, each)));
  if (key === null) return kept.map((each) => evaluate(value, each));
  const result: Record<string, HclValue> = {};
  for (const each of kept) {
    const name = textOf(evaluate(key, each));
    const found = evaluate(value, each);
    result[name] = groups ? [...((result[name] as readonly HclValue[] | undefined) ?? []), found] : found;
  }
  return result;
}
