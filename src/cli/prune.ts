/** What the prune commands share: the question, the filters of config.json, the report. */

import { splitPair } from "../lib/flags.ts";
import type { Int64 } from "../lib/json.ts";
import { humanSize } from "../lib/units.ts";
import type { Cli } from "./cli.ts";

/** Asks on the terminal; anything but y or yes means no. */
export async function confirm(cli: Cli, warning: string): Promise<boolean> {
  cli.out(`${warning}\nAre you sure you want to continue? [y/N] `);
  await cli.flush();
  const decoder = new TextDecoder();
  let line = "";
  for await (const bytes of Bun.stdin.stream()) {
    line += decoder.decode(bytes, { stream: true });
    if (line.includes("\n")) break;
  }
  return ["y", "yes"].includes(line.split("\n")[0]!.trim().toLowerCase());
}

/** The user's filters and those that config.json adds to every prune. */
export async function pruneFilters(cli: Cli, given: Record<string, string[]>): Promise<Record<string, string[]>> {
  const filters = { ...given };
  for (const text of (await cli.config()).pruneFilters ?? []) {
    const [key, value] = splitPair(text);
    if (key === "label" && given["label!"]?.includes(value)) continue;
    if (key === "label!" && given.label?.includes(value)) continue;
    filters[key] = [...(filters[key] ?? []), value];
  }
  return filters;
}

/** A heading and the names of what was removed, or nothing. */
export function reportRemoved(cli: Cli, heading: string, names: readonly string[] | null | undefined): void {
  if (names && names.length > 0) cli.out(`${heading}:\n${names.join("\n")}\n\n`);
}

export function reportSpace(cli: Cli, bytes: Int64): void {
  cli.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
}
