/** What the prune commands share: the question, the filters of config.json, the report. */

import { splitPair } from "../lib/flags.ts";
import type { Int64 } from "../lib/json.ts";
import { humanSize } from "../lib/units.ts";
import type { Cli } from "./cli.ts";
import { agrees } from "./prompt.ts";

/** Asks before anything is deleted; as {@link agrees}. */
export async function confirm(cli: Cli, warning: string): Promise<boolean> {
  return await agrees(cli, `${warning}\nAre you sure you want to continue? [y/N] `);
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
