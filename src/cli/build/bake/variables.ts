/** Variables and functions of bake's files: computed when they are asked for, and replaced by the environment's. */

import type { Block } from "../hcl/body.ts";
import { evaluate, isList, type Scope, textOf } from "../hcl/evaluate.ts";
import { type Expression, HclError, type HclValue } from "../hcl/expression.ts";
import { standardFunction } from "../hcl/functions.ts";
import type { BakeSource } from "./definition.ts";

interface OwnFunction {
  readonly params: readonly string[];
  readonly variadic: string | null;
  readonly result: Expression;
}

export class Variables {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #expressions = new Map<string, Expression | null>();
  /** Settings outside of blocks: variables too, which no environment replaces. */
  readonly #fixed = new Set<string>();
  readonly #values = new Map<string, HclValue>();
  readonly #open = new Set<string>();
  readonly #functions = new Map<string, OwnFunction>();

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  declare({ body }: BakeSource): void {
    for (const [name, { expression }] of body.attributes) {
      this.#expressions.set(name, expression);
      this.#fixed.add(name);
    }
    for (const block of body.blocks) {
      const [name = ""] = block.labels;
      if (block.type === "variable")
        this.#expressions.set(name, block.body.attributes.get("default")?.expression ?? null);
      if (block.type === "function") this.#functions.set(name, readFunction(block, name));
    }
  }

  /** Makes a table known by a name that no variable has. */
  lend(name: string, value: HclValue): void {
    if (!this.#expressions.has(name)) this.#values.set(name, value);
  }

  /** Throws {@link HclError} with the file's own words for a variable that does not meet a condition of its block. */
  validate({ body }: BakeSource): void {
    for (const block of body.blocks) {
      if (block.type !== "variable") continue;
      for (const { type, body: rule, at } of block.body.blocks) {
        if (type !== "validation") throw new HclError(`a variable has no ${JSON.stringify(type)}`, at);
        const condition = rule.attributes.get("condition");
        if (condition === undefined || evaluate(condition.expression, this.scope) === true) continue;
        const words = rule.attributes.get("error_message");
        const text = words === undefined ? "" : textOf(evaluate(words.expression, this.scope));
        throw new HclError(`validation of the variable ${block.labels[0]} failed: ${text}`, condition.at);
      }
    }
  }

  readonly scope: Scope = {
    variable: (name) => this.#value(name),
    func: (name) => this.#function(name) ?? standardFunction(name),
  };

  scopeWith(values: Readonly<Record<string, HclValue>>): Scope {
    return {
      func: this.scope.func,
      variable: (name) => (Object.hasOwn(values, name) ? (values[name] ?? null) : this.#value(name)),
    };
  }

  #value(name: string): HclValue {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    if (!this.#expressions.has(name)) {
      if (name === "BAKE_LOCAL_PLATFORM") return `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
      if (name === "BAKE_CMD_CONTEXT") return "cwd://";
      throw new HclError(`there is no variable ${JSON.stringify(name)}`);
    }
    if (this.#open.has(name)) throw new HclError(`the variable ${JSON.stringify(name)} depends on itself`);
    this.#open.add(name);
    const expression = this.#expressions.get(name) ?? null;
    const own = expression === null ? null : evaluate(expression, this.scope);
    this.#open.delete(name);
    const given = this.#fixed.has(name) ? undefined : this.#environment[name];
    // Without a default it is text, and empty until somebody sets it.
    const value = given === undefined ? (expression === null ? "" : own) : likeDefault(name, given, own);
    this.#values.set(name, value);
    return value;
  }

  #function(name: string): ((args: readonly HclValue[]) => HclValue) | null {
    const own = this.#functions.get(name);
    if (!own) return null;
    return (args) => {
      if (args.length < own.params.length || (own.variadic === null && args.length > own.params.length))
        throw new HclError(`${name}() takes ${own.params.length} arguments`);
      const values = Object.fromEntries(own.params.map((param, at) => [param, args[at] ?? null]));
      if (own.variadic !== null) values[own.variadic] = args.slice(own.params.length);
      return evaluate(own.result, this.scopeWith(values));
    };
  }
}

/** The text of the environment as a value of the default's type. */
function likeDefault(name: string, text: string, own: HclValue): HclValue {
  if (typeof own === "number") {
    const number = Number(text);
    if (text.trim() === "" || Number.isNaN(number))
      throw new HclError(`the variable ${name} is a number: ${JSON.stringify(text)}`);
    return number;
  }
  if (typeof own === "boolean") {
    if (!/^(1|0|t|f|true|false)$/i.test(text))
      throw new HclError(`the variable ${name} is true or false: ${JSON.stringify(text)}`);
    return /^(1|t|true)$/i.test(text);
  }
  if (own !== null && isList(own)) return text === "" ? [] : text.split(",").map((each) => each.trim());
  return text;
}

function readFunction({ body, at }: Block, name: string): OwnFunction {
  const namesIn = (key: string): readonly string[] => {
    const expression = body.attributes.get(key)?.expression;
    if (!expression) return [];
    if (expression.kind === "variable") return [expression.name];
    if (expression.kind !== "list") throw new HclError(`function ${name}: ${key} is a list of names`, at);
    return expression.items.map((item) =>
      item.kind === "variable" ? item.name : textOf(item.kind === "literal" ? item.value : null),
    );
  };
  const variadic = body.attributes.get("variadic_params") ? (namesIn("variadic_params")[0] ?? null) : null;
  const result = body.attributes.get("result");
  if (!result) throw new HclError(`function ${name} has no result`, at);
  return { params: namesIn("params"), variadic, result: result.expression };
}
