/** Lists by template: `json`, `table {{.A}}\t{{.B}}`, or any Go template, one line for each row. */
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

const inspectRefusal = { code: 64, words: "template parsing error" };
const listRefusal = { code: 1, words: "template parsing error" };

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

/** Prints `rows` by `format`. */
export function printTemplate<T>(cli: Cli, listing: Listing<T>, rows: readonly T[], format: string): void {
  const names = Object.keys(listing.fields).sort();
  const table = /^table\s/.test(format);
  const source = format === "json" ? "{{json .}}" : withControls(table ? format.slice(5).trim() : format);
  const known = new WeakSet<object>();
  // A row is written as Go's own encoder writes it, with these three escaped; any other value as it is.
  const json = (value: unknown): string => {
    if (typeof value !== "object" || value === null || !known.has(value)) return printJson(value);
    const shown = Object.fromEntries(
      names.map((name) => [name, rowJson(listing, name, (value as Record<string, string>)[name]!)]),
    );
    return printJson(shown).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
  };
  const template = compileFormat(source, { rootType: listing.typeName, functions: { json } }, listRefusal);
  const view = (row: T): Record<string, unknown> => {
    const fields: Record<string, unknown> = {};
    for (const name of names) {
      Object.defineProperty(fields, name, { enumerable: true, get: () => listing.fields[name]!.value(row) });
    }
    for (const [name, method] of Object.entries(listing.methods ?? {})) {
      Object.defineProperty(fields, name, { enumerable: false, value: (...args: string[]) => method(row, ...args) });
    }
    known.add(fields);
    return fields;
  };
  const lines: string[] = [];
  try {
    for (const row of rows) lines.push(template.execute(view(row)));
  } catch (error) {
    throw new ExitError(1, error instanceof Error ? `failed to execute template: ${error.message}` : String(error));
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

function rowJson<T>(listing: Listing<T>, name: string, text: string): unknown {
  const { json } = listing.fields[name]!;
  return json ? json(text) : text;
}

/** Executes a template on what is there although the daemon failed: what it misses then says less than the failure itself. */
export function executeUnless(failure: unknown, template: ReturnType<typeof compileFormat>, data: object): string {
  try {
    return template.execute(data);
  } catch (error) {
    if (!failure) throw error;
    return "";
  }
}
