/** The differences of two images as people read them. */
import type { LayerFile } from "../../api/image-files.ts";
import { shownText } from "../../lib/byte-text.ts";
import { humanSize } from "../../lib/units.ts";
import { alignTable } from "../format.ts";
import { type ConfigDifference, entryChanges } from "./config-diff.ts";
import { type FileDifference, octal } from "./files-diff.ts";
import { ownSize } from "./layer-tree.ts";

/** One line for each field, and one for each entry of a map or variable. */
export function configText(differences: readonly ConfigDifference[]): string {
  if (differences.length === 0) return "Configuration: the same\n";
  const lines = differences.flatMap((difference) => {
    const { field, before, after } = difference;
    const name = field.replace(/^Config\./, "");
    const entries = entryChanges(difference);
    if (!entries) return [`  ${name}: ${valueText(before)} -> ${valueText(after)}`];
    return [
      ...entries.removed.map((entry) => `  ${name}: - ${shownText(entry)}`),
      ...entries.added.map((entry) => `  ${name}: + ${shownText(entry)}`),
    ];
  });
  return `Configuration:\n${lines.join("\n")}\n`;
}

const valueText = (value: unknown): string =>
  value === null ? "none" : shownText(typeof value === "string" ? value : JSON.stringify(value));

const marks = { added: "A", removed: "D", changed: "C" } as const;

/** A table of all files, and what they come to. */
export function filesText(differences: readonly FileDifference[]): string {
  if (differences.length === 0) return "Files: the same\n";
  const rows = differences.map(({ path, kind, before, after, what }) => [
    `  ${marks[kind]} ${shownText(`/${path}`)}`,
    kind === "changed" ? shownText(what.join(", ")) : fileText(after ?? before),
  ]);
  const total = (kind: FileDifference["kind"]): string => {
    const these = differences.filter((one) => one.kind === kind);
    if (kind === "changed") return `${these.length} changed`;
    const bytes = these.reduce((sum, { before, after }) => sum + ownSize(after ?? before), 0);
    return `${these.length} ${kind} (${humanSize(bytes)})`;
  };
  return `Files:\n${alignTable(rows)}${total("added")}, ${total("removed")}, ${total("changed")}\n`;
}

/** `-rw-r--r--`-less: the type where it is no file, mode, owner, size. */
function fileText(file: LayerFile | null): string {
  if (!file) return "";
  const type = file.Type === "file" ? [] : [file.Type];
  const size = file.Type === "file" ? [humanSize(file.Size)] : [];
  const target = file.Type === "symlink" ? [`-> ${shownText(file.Target ?? "")}`] : [];
  return [...type, octal(file.Mode), `${file.UID}:${file.GID}`, ...size, ...target].join(" ");
}
