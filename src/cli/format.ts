/** Lists as tables, JSON lines or templates; the template engine loads only when a format asks for it. */
import type { Cli } from "./cli.ts";

/** One column: its header and how a row's text is made. */
export interface Field<T> {
  readonly header: string;
  value(row: T): string;
  /** How JSON shows the text; as it is unless given. */
  json?(text: string): unknown;
}

/** A kind of list: all its fields by template name, and which make the default table. */
export interface Listing<T> {
  readonly fields: Readonly<Record<string, Field<T>>>;
  readonly columns: readonly string[];
  /** What --quiet prints. */
  readonly quiet: string;
  /** The template that `raw` stands for, and its form with --quiet; a list without one prints the word. */
  readonly raw?: { readonly full: string; readonly quiet: string };
  /** Functions that templates may call on a row, such as `.Label "x"`. */
  readonly methods?: Readonly<Record<string, (row: T, ...args: string[]) => string>>;
  /** The name Docker's messages give the row's type. */
  readonly typeName: string;
  /** What stands before a template's failure on a row, where that is not what lists say. */
  readonly failedTemplate?: string;
}

export interface ListOptions {
  readonly format: string;
  readonly quiet?: boolean;
  readonly columns?: readonly string[];
}

/** Lines up cells: each column at least 10 wide, three spaces between, no padding after the last. */
export function alignTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      if (i < row.length - 1) widths[i] = Math.max(widths[i] ?? 10, Bun.stringWidth(cell) + 3);
    }
  }
  return rows
    .map((row) => {
      const cells = row.map((cell, i) =>
        i === row.length - 1 ? cell : cell + " ".repeat(widths[i]! - Bun.stringWidth(cell)),
      );
      return `${cells.join("")}\n`;
    })
    .join("");
}

/** Prints `rows` as the user asked. */
export async function printList<T>(
  cli: Cli,
  listing: Listing<T>,
  rows: readonly T[],
  options: ListOptions,
): Promise<void> {
  const { format, quiet = false } = options;
  const columns = options.columns ?? listing.columns;
  const { fields } = listing;
  if (quiet && (format === "" || format === "table")) {
    for (const row of rows) cli.out(`${fields[listing.quiet]!.value(row)}\n`);
    return;
  }
  if (format === "" || format === "table") {
    const head = columns.map((name) => fields[name]!.header);
    cli.out(alignTable([head, ...rows.map((row) => columns.map((name) => fields[name]!.value(row)))]));
    return;
  }
  const { printTemplate } = await import("./format-template.ts");
  const raw = format === "raw" ? listing.raw?.[quiet ? "quiet" : "full"] : undefined;
  printTemplate(cli, listing, rows, raw ?? format);
}
