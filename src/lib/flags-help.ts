/** Help text of a table of flags. */
import type { Flags } from "./flags.ts";

/** The lines of help for a table, wrapped to `width` columns, sorted by long name. */
export function describeFlags(table: Flags, width: number): string {
  const rows = Object.entries(table)
    .filter(([, spec]) => !spec.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => {
      const left = `  ${spec.short ? `-${spec.short}, ` : "    "}--${name}${spec.kind ? ` ${spec.kind}` : ""}`;
      return { left, help: spec.help + (spec.shownDefault ? ` (default ${spec.shownDefault})` : "") };
    });
  const column = Math.max(0, ...rows.map((row) => row.left.length)) + 3;
  return rows
    .map(
      (row) => row.left.padEnd(column) + wrap(row.help, Math.max(24, width - column)).join(`\n${" ".repeat(column)}`),
    )
    .join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}
