/** What of an index's answer a search shows. */
import type { Filters } from "../api/filters.ts";
import type { ImageSearchResult } from "../api/images.ts";
import { invalidArgument } from "../lib/errors.ts";

const accepted = ["is-automated", "is-official", "stars"];

/** A predicate for what the filters let through; throws `invalidArgument` for those that `search` does not know. */
export function searchFilter(filters: Filters): (result: ImageSearchResult) => boolean {
  for (const name of filters.keys()) if (!accepted.includes(name)) throw invalidArgument(`invalid filter '${name}'`);
  const official = boolIn(filters, "is-official");
  const automated = boolIn(filters, "is-automated");
  const stars = Math.max(0, ...(filters.get("stars") ?? []).map(starsIn));
  return (result) =>
    (official === null || result.is_official === official) &&
    (automated === null || result.is_automated === automated) &&
    result.star_count >= stars;
}

function boolIn(filters: Filters, name: string): boolean | null {
  const values = filters.get(name);
  if (!values || values.length === 0) return null;
  const isTrue = values.some((value) => ["1", "true"].includes(value));
  const isFalse = values.some((value) => ["0", "false"].includes(value));
  if (isTrue === isFalse) throw invalidArgument(`invalid filter '${name}=[${values.join(" ")}]'`);
  return isTrue;
}

function starsIn(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalidArgument(`invalid filter 'stars=[${text}]'`);
  return Number(text);
}
