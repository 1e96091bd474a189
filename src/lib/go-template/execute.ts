/** The interpreter of Go's text/template over JSON values and objects with methods. No template can backtrack. */
import { functions, lazyFunctions, type TemplateFunction, truth, variadic } from "./functions.ts";
import { lineOf } from "./lex.ts";
import { type Node, type Pipe, parseTemplate, type Template, type Term } from "./parse.ts";
import { isMap, noteField, noValue, printValue } from "./print-value.ts";
import { typeName } from "./type-name.ts";
import { Variables } from "./variables.ts";

/** A template that failed while it ran; the message is Go's. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

export interface TemplateOptions {
  /** Functions that replace or add to the usual ones. */
  readonly functions?: Readonly<Record<string, TemplateFunction>>;
  /** What a key that a map lacks does: prints `<no value>` or fails. */
  readonly missing?: "novalue" | "error";
  /** Values of fields that the wire leaves out when empty, by name: never missing. */
  readonly optional?: Readonly<Record<string, unknown>>;
  /** The root's type for messages when the root is an object with a fixed set of fields. */
  readonly rootType?: string;
}

/** A parsed template, to be run on any number of values. */
export interface CompiledTemplate {
  execute(data: unknown): string;
}

/** Parses `source`; throws TemplateSyntaxError. */
export function compileTemplate(source: string, options: TemplateOptions = {}): CompiledTemplate {
  const known: Record<string, TemplateFunction> = { ...functions, ...options.functions };
  const template = parseTemplate(source, (name) => lazyFunctions.includes(name) || Object.hasOwn(known, name));
  return { execute: (data) => new Execution(template, known, options, data).run() };
}

class BreakLoop extends Error {}
class ContinueLoop extends Error {}

const maxDepth = 1000;

class Execution {
  readonly #template: Template;
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #options: TemplateOptions;
  readonly #root: unknown;
  #variables: Variables;
  #output = "";
  #depth = 0;

  constructor(
    template: Template,
    known: Readonly<Record<string, TemplateFunction>>,
    options: TemplateOptions,
    root: unknown,
  ) {
    this.#template = template;
    this.#functions = known;
    this.#options = options;
    this.#root = root;
    this.#variables = new Variables(root);
  }

  run(): string {
    this.#walk(this.#template.nodes, this.#root);
    return this.#output;
  }

  #fail(at: number, text: string, message: string): never {
    const { source } = this.#template;
    const column = at - (source.lastIndexOf("\n", at - 1) + 1);
    throw new TemplateError(`template: :${lineOf(source, at)}:${column}: executing "" at <${text}>: ${message}`);
  }

  #walk(nodes: readonly Node[], dot: unknown): void {
    for (const node of nodes) this.#node(node, dot);
  }

  #node(node: Node, dot: unknown): void {
    switch (node.kind) {
      case "text":
        this.#output += node.text;
        return;
      case "action": {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0)
          this.#output += value === null ? this.#printNull(node.pipe) : printValue(value);
        return;
      }
      case "if":
      case "with": {
        const mark = this.#variables.mark();
        const value = this.#pipe(node.pipe, dot);
        if (truth(value)) this.#walk(node.body, node.kind === "with" ? value : dot);
        else this.#walk(node.otherwise, dot);
        this.#variables.backTo(mark);
        return;
      }
      case "range":
        this.#range(node.pipe, node.body, node.otherwise, dot);
        return;
      case "break":
        throw new BreakLoop();
      case "continue":
        throw new ContinueLoop();
      case "template":
        this.#call(node.called, node.pipe ? this.#pipe(node.pipe, dot) : null);
        return;
    }
  }

  /** A null of the wire was a nil pointer, slice or map on the daemon's side; the table of optional fields knows. */
  #printNull({ commands }: Pipe): string {
    const [term] = commands.at(-1) ?? [];
    const names = term && (term.kind === "field" || term.kind === "variable") ? term.names : [];
    const { optional } = this.#options;
    if (!optional || names.length === 0) return printValue(null);
    const empty = optional[names.at(-1)!];
    if (empty === null) return "<nil>";
    return empty !== undefined && !Array.isArray(empty) && typeof empty === "object" ? "map[]" : "[]";
  }

  #call(name: string, data: unknown): void {
    const body = this.#template.defined.get(name);
    if (!body) throw new TemplateError(`template: : template ${JSON.stringify(name)} not defined`);
    if (++this.#depth > maxDepth) throw new TemplateError(`template: : exceeded maximum template depth (${maxDepth})`);
    const kept = this.#variables;
    this.#variables = new Variables(data);
    this.#walk(body, data);
    this.#variables = kept;
    this.#depth--;
  }

  #range(pipe: Pipe, body: readonly Node[], otherwise: readonly Node[], dot: unknown): void {
    const mark = this.#variables.mark();
    const value = this.#pipe({ ...pipe, variables: [] }, dot);
    const pairs = this.#elements(value, pipe);
    if (pairs.length === 0) this.#walk(otherwise, dot);
    const [first, second] = pipe.variables;
    for (const [key, element] of pairs) {
      const values = second === undefined ? [element] : [key, element];
      for (const [i, name] of [first, second].entries()) {
        if (name === undefined) continue;
        if (pipe.declares) this.#variables.declare(name, values[i]);
        else this.#variables.assign(name, values[i]);
      }
      try {
        this.#walk(body, element);
      } catch (error) {
        if (error instanceof BreakLoop) break;
        if (!(error instanceof ContinueLoop)) throw error;
      } finally {
        this.#variables.backTo(mark);
      }
    }
    this.#variables.backTo(mark);
  }

  #elements(value: unknown, pipe: Pipe): [unknown, unknown][] {
    if (value === null || value === undefined || value === noValue) return [];
    if (Array.isArray(value)) return value.map((element, i) => [i, element]);
    if (typeof value === "object") {
      return Object.keys(value)
        .sort()
        .map((key) => [key, (value as Record<string, unknown>)[key]]);
    }
    if (typeof value === "number" && Number.isInteger(value)) return Array.from({ length: value }, (_, i) => [i, i]);
    return this.#fail(pipe.at, pipe.text, `range can't iterate over ${printValue(value)}`);
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown;
    for (const [i, terms] of pipe.commands.entries()) {
      value = this.#command(terms, dot, i > 0 ? [value] : []);
    }
    for (const name of pipe.variables) {
      if (pipe.declares) this.#variables.declare(name, value);
      else this.#variables.assign(name, value);
    }
    return value;
  }

  #command(terms: readonly Term[], dot: unknown, piped: unknown[]): unknown {
    const [first, ...rest] = terms as [Term, ...Term[]];
    if (first.kind === "function") return this.#function(first, first.called, rest, dot, piped);
    const given = [...rest.map((term) => this.#value(term, dot)), ...piped];
    if (first.kind === "field") return this.#chain(dot, first.names, given, first);
    if (first.kind === "variable" && first.names.length > 0) {
      return this.#chain(this.#variables.get(first.variable), first.names, given, first);
    }
    if (first.kind === "pipe" && first.names.length > 0) {
      return this.#chain(this.#pipe(first.pipe, dot), first.names, given, first);
    }
    const named = first.kind === "pipe" ? first.pipe.text : first.text;
    if (given.length > 0) return this.#fail(first.at, first.text, `can't give argument to non-function ${named}`);
    return this.#value(first, dot);
  }

  #function(term: Term, name: string, rest: readonly Term[], dot: unknown, piped: unknown[]): unknown {
    const count = rest.length + piped.length;
    const lazy = lazyFunctions.includes(name);
    const wanted = lazy ? 1 : this.#functions[name]!.length;
    if (count < wanted || (count > wanted && !variadic.has(name))) {
      const least = variadic.has(name) ? "at least " : "";
      return this.#fail(term.at, term.text, `wrong number of args for ${name}: want ${least}${wanted} got ${count}`);
    }
    if (lazy) {
      let value: unknown;
      for (const argument of rest) {
        value = this.#value(argument, dot);
        if (truth(value) === (name === "or")) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    const args = [...rest.map((argument) => this.#value(argument, dot)), ...piped];
    const callee = this.#functions[name]!;
    try {
      return callee(...args);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const text = [term.text, ...rest.map((each) => each.text)].join(" ");
      return this.#fail(term.at, text, `error calling ${name}: ${reason}`);
    }
  }

  #value(term: Term, dot: unknown): unknown {
    switch (term.kind) {
      case "dot":
        return dot;
      case "nil":
        return null;
      case "constant":
        return term.value;
      case "field":
        return this.#chain(dot, term.names, [], term);
      case "variable":
        return this.#chain(this.#variables.get(term.variable), term.names, [], term);
      case "function":
        return this.#function(term, term.called, [], dot, []);
      case "pipe":
        return this.#chain(this.#pipe(term.pipe, dot), term.names, [], term);
    }
  }

  #chain(receiver: unknown, names: readonly string[], args: unknown[], term: Term): unknown {
    let value = receiver;
    for (const [i, name] of names.entries()) {
      value = this.#field(value, name, i === names.length - 1 ? args : [], term, names.slice(0, i + 1));
    }
    return value;
  }

  #field(receiver: unknown, name: string, args: unknown[], term: Term, path: readonly string[]): unknown {
    const shown = `.${path.join(".")}`;
    if (receiver === null || receiver === undefined || receiver === noValue) {
      if (receiver === noValue && this.#options.missing !== "error") return noValue;
      return this.#fail(term.at, shown, `nil pointer evaluating interface {}.${name}`);
    }
    if (typeof receiver !== "object" || Array.isArray(receiver)) {
      return this.#fail(term.at, shown, `can't evaluate field ${name} in type ${typeName(receiver)}`);
    }
    if (!Object.hasOwn(receiver, name)) {
      if (isMap(receiver)) return noValue;
      const { optional, rootType, missing } = this.#options;
      if (optional && Object.hasOwn(optional, name)) return optional[name];
      if (rootType && receiver === this.#root) {
        return this.#fail(term.at, shown, `can't evaluate field ${name} in type ${rootType}`);
      }
      if (missing === "error") return this.#fail(term.at, shown, `map has no entry for key ${JSON.stringify(name)}`);
      return noValue;
    }
    const value = (receiver as Record<string, unknown>)[name];
    if (!isMap(receiver)) noteField(name, value);
    if (typeof value === "function") {
      try {
        return value(...args);
      } catch (error) {
        return this.#fail(term.at, shown, `error calling ${name}: ${error instanceof Error ? error.message : error}`);
      }
    }
    if (args.length > 0) {
      // What is a struct's field for the daemon's own types is a map's key in an inspected object.
      const why = this.#options.rootType
        ? "has arguments but cannot be invoked as function"
        : "is not a method but has arguments";
      return this.#fail(term.at, shown, `${name} ${why}`);
    }
    return value;
  }
}
