/** One table of results: a row per case, a column per engine, in one unit. */
export interface Table {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly { readonly name: string; readonly values: Readonly<Record<string, number | undefined>> }[];
}

/** Prints a table as Markdown, with each engine's value and its ratio to dhow's. */
export function printTable({ title, unit, rows }: Table): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row.values)))];
  console.log(`### ${title} (${unit})\n`);
  console.log(`| | ${columns.join(" | ")} |`);
  console.log(`|---|${columns.map(() => "---:").join("|")}|`);
  for (const { name, values } of rows) {
    const base = values.dhow;
    const cells = columns.map((column) => {
      const value = values[column];
      if (value === undefined) return "";
      const ratio = column === "dhow" || !base ? "" : ` (${(value / base).toFixed(1)}x)`;
      return `${value < 100 ? value.toFixed(1) : Math.round(value)}${ratio}`;
    });
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
  console.log("");
}
