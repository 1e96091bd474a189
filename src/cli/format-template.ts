/** Lists by template: `json`, `table {{.A}}\t{{.B}}`, or any Go template, one line for each row. */

import { messageOf } from "../lib/errors.ts";
import { type CompiledTemplate, compileTemplate, type TemplateOptions } from "../lib/go-template/execute.ts";
import { TemplateSyntaxError } from "../lib/go-template/lex.ts";
import { printJson } from "../lib/go-template/print-value.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./command.ts";
import { alignTable, type Listing } from "./format.ts";

/** Functions as the header row of a table sees them: they leave the header's words alone. */
const headerFunctions = {
  json: (value: unknown) => value,
  split: (value: unknown, _separator: unknown) => value,
  join: (value: unknown, _separator: unknown) => value,
  title: (value: unknown) => value,
  lower: (value: unknown) => value,
  upper: (value: unknown) => value,
  truncate: (value: unknown, _size: unknown) => value,
  println: (value: unknown) => value,
};

/** What users write for a tab or a line in the format of a list; elsewhere these are the template's own business. */
function withControls(format: string): string {
  return format.replace(/\\t/g, "\t").replace(/\\n/g, "\n");
}

/** What `events` says of its format, which it tries before it asks for anything. */
export const eventsRefusal = { code: 64, words: "Error parsing format" };

const inspectRefusal = { code: 64, words: "template parsing error" };
/** What lists say. */
export const listRefusal = { code: 1, words: "template parsing error" };

/** `ps` looks into its format before it asks for the list, and has words of its own for one that does not parse. */
export const psRefusal = { code: 1, words: "failed to parse template" };

/** Compiles a format; exits in Docker's words when it does not parse. */
export function compileFormat(
  format: string,
  options: TemplateOptions = {},
  refusal = inspectRefusal,
): CompiledTemplate {
  try {
    return compileTemplate(format, options);
  } catch (error) {
    if (error instanceof TemplateSyntaxError) throw new ExitError(refusal.code, `${refusal.words}: ${error.message}`);
    throw error;
  }
}

/** Makes the JSON of a view's row. */
const rowsOfViews = new WeakMap<object, () => Record<string, unknown>>();

/** A row as templates see it: a field of the listing is made when it is asked for. */
export function viewOf<T>(listing: Listing<T>, row: T): object {
  const view = {};
  for (const [name, field] of Object.entries(listing.fields)) {
    Object.defineProperty(view, name, { enumerable: true, get: () => field.value(row) });
  }
  for (const [name, method] of Object.entries(listing.methods ?? {})) {
    Object.defineProperty(view, name, { enumerable: false, value: (...args: string[]) => method(row, ...args) });
  }
  rowsOfViews.set(view, () => {
    const fields = Object.entries(listing.fields).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(fields.map(([name, { value, json = same }]) => [name, json(value(row))]));
  });
  return view;
}

const same = (text: string): unknown => text;

/** JSON of views, or of what holds some: as Go's own encoder writes it, with `<`, `>` and `&` escaped. */
function viewJson(value: object): string | null {
  let found = false;
  const plain = (each: unknown): unknown => {
    if (typeof each !== "object" || each === null) return each;
    if (Array.isArray(each)) return each.map(plain);
    const row = rowsOfViews.get(each);
    found ||= row !== undefined;
    return row?.() ?? Object.fromEntries(Object.entries(each).map(([name, inner]) => [name, plain(inner)]));
  };
  const text = printJson(plain(value));
  return found ? text.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`) : null;
}

/** The functions of templates on views: a row is JSON of its fields, any other value is written as it is. */
export const viewFunctions = {
  json: (value: unknown): string =>
    (typeof value === "object" && value !== null ? viewJson(value) : null) ?? printJson(value),
};

/** Prints `rows` by `format`. */
export function printTemplate<T>(cli: Cli, listing: Listing<T>, rows: readonly T[], format: string): void {
  const names = Object.keys(listing.fields);
  const table = /^table\s/.test(format);
  const trimmed = table ? format.slice(5).trim() : format.replace(/^ +| +$/g, "");
  const source = format === "json" ? "{{json .}}" : withControls(trimmed);
  const template = compileFormat(source, { rootType: listing.typeName, functions: viewFunctions }, listRefusal);
  const lines: string[] = [];
  try {
    for (const row of rows) lines.push(template.execute(viewOf(listing, row)));
  } catch (error) {
    const words = listing.failedTemplate ?? listRefusal.words;
    throw new ExitError(1, error instanceof Error ? `${words}: ${error.message}` : String(error));
  }
  if (!table) {
    for (const line of lines) cli.out(`${line}\n`);
    return;
  }
  const headers: Record<string, unknown> = Object.fromEntries(
    names.map((name) => [name, listing.fields[name]!.header]),
  );
  for (const name of Object.keys(listing.methods ?? {}))
    headers[name] = (label = "") => label.replace(/^.*\./, "").replace(/[-_]/g, " ");
  const header = compileFormat(source, { functions: headerFunctions }).execute(headers);
  const cells = [header, ...lines].flatMap((line) => line.split("\n")).map((line) => line.split("\t"));
  cli.out(alignTable(cells));
}

/** The Go types of an object (path "") and of the objects in it, by their path from it. */
export type StructTypes = Readonly<Record<string, string>>;

/** What a template says that failed, where a field that is none of its struct's is told by the struct's type. */
export function structError(error: unknown, types: StructTypes): string {
  const message = messageOf(error);
  const match = /^template: :(\d+):(\d+):(.*) at <((?:\.\w+)*)\.(\w+)>: map has no entry for key "\w+"$/s.exec(message);
  if (!match) return message;
  const [, line, column, middle, path = "", field] = match;
  const type = types[path];
  if (type === undefined) return message;
  // A chain of fields is placed at its second one.
  const at = Number(column) + (path === "" ? 0 : path.split(".")[1]!.length + 1);
  return `template: :${line}:${at}:${middle} at <${path}.${field}>: can't evaluate field ${field} in type ${type}`;
}

/** What a command prints by a template, and how it tells that the template failed. */
export interface ObjectPrint {
  /** The daemon's failure: what a template misses then says less than the failure itself. */
  readonly failure?: unknown;
  readonly types?: StructTypes;
  /** The template's name in messages. */
  readonly name?: string;
}

/** Prints one object by a template; an empty line and the reason when that fails. */
export function printObject(
  cli: Cli,
  template: CompiledTemplate,
  data: object,
  { failure, types = {}, name = "" }: ObjectPrint,
): void {
  let text: string;
  try {
    text = template.execute(data);
  } catch (error) {
    cli.out("\n");
    if (failure) return;
    const message = structError(error, types);
    throw new ExitError(
      1,
      message.replace("template: :", `template: ${name}:`).replace('executing ""', `executing "${name}"`),
    );
  }
  cli.out(`${text}\n`);
}
