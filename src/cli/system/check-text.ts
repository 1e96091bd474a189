/** The findings of `system check` as people read them. */
import type { CheckFinding, CheckProgress, CheckSummary } from "../../api/system-check.ts";
import { shownText } from "../../lib/byte-text.ts";
import { humanSize } from "../../lib/units.ts";

/** One finding: what and whose it is, what is wrong, the files it is about, and what was or can be done. */
export function findingText({ Kind, ID, UsedBy, Problem, Details, Action }: CheckFinding): string {
  const users = UsedBy.length > 0 ? ` (${UsedBy.map(shownText).join(", ")})` : "";
  const lines = [
    `${Kind} ${shownText(ID)}${users}: ${shownText(Problem)}`,
    ...Details.map((detail) => `    ${shownText(detail)}`),
    `  -> ${shownText(Action)}`,
  ];
  return `${lines.join("\n")}\n`;
}

export function summaryText(summary: CheckSummary): string {
  const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
  const looked = [
    `${count(summary.Images, "image")}, ${count(summary.Blobs, "blob")} (${humanSize(summary.Bytes)})`,
    count(summary.Layers, "layer"),
    count(summary.Containers, "container"),
    count(summary.Volumes, "volume"),
    count(summary.Networks, "network"),
  ];
  const found = summary.Found === 0 ? "no problem found" : `${count(summary.Found, "problem")} found`;
  const repaired = summary.Found > 0 && summary.Repaired > 0 ? `, ${summary.Repaired} repaired` : "";
  return `Checked ${looked.join(", ")}: ${found}${repaired}\n`;
}

export function progressText({ Stage, Done, Total }: CheckProgress): string {
  return `Checking ${Stage}${Total > 0 ? ` ${Done}/${Total}` : ""}`;
}
