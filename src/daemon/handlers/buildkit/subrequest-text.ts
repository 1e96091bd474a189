/** Outlines and lists of targets as tables, for clients that print what they are given. */
import type { Outline, TargetSummary } from "../../../builder/dockerfile/plan/outline.ts";

export function targetsText(targets: readonly TargetSummary[]): string {
  const nameOf = ({ name, isDefault }: TargetSummary): string =>
    isDefault ? `${name === "" ? "" : `${name} `}(default)` : name;
  return table([["TARGET", "DESCRIPTION"], ...targets.map((one) => [nameOf(one), one.description])], 1);
}

export function outlineText({ name, description, args, secrets, ssh }: Outline): string {
  const head = [["TARGET:", name || "(default)"], ...(description === "" ? [] : [["DESCRIPTION:", description]])];
  const mounts = (title: string, list: Outline["secrets"]): string[][] =>
    list.length === 0 ? [] : [[title, "REQUIRED"], ...list.map((one) => [one.name, one.isRequired ? "true" : ""])];
  const values = args.map((arg) => [arg.name, arg.value ?? "", arg.description]);
  const blocks = [
    table(name === "" && description === "" ? [] : head, 1),
    table(values.length === 0 ? [] : [["BUILD ARG", "VALUE", "DESCRIPTION"], ...values], 3),
    table(mounts("SECRET", secrets), 3),
    table(mounts("SSH", ssh), 3),
  ];
  return blocks.map((block) => (block === "" ? "" : `${block}\n`)).join("");
}

/** Columns as wide as their widest cell and `gap`; the last one as it is. */
function table(rows: readonly (readonly string[])[], gap: number): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)) + gap);
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!))).join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}
