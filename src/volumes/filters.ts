import type { Filters } from "../api/filters.ts";
import { invalidArgument } from "../lib/errors.ts";

/** The parts of a volume that filters ask about. */
export interface Filtered {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly inUse: boolean;
}

/** True when every filter has a value that fits: `name` as a regular expression, `driver` as a word, `label` as `key` or `key=value`. */
export function matches(volume: Filtered, filters: Filters): boolean {
  const some = (name: string, fits: (value: string) => boolean): boolean => {
    const values = filters.get(name);
    return values === undefined || values.length === 0 || values.some(fits);
  };
  const labels = volume.labels ?? {};
  const hasLabel = (text: string): boolean => {
    const at = text.indexOf("=");
    return at === -1 ? Object.hasOwn(labels, text) : labels[text.slice(0, at)] === text.slice(at + 1);
  };
  const labelled = (filters.get("label") ?? []).every(hasLabel);
  const unlabelled = !(filters.get("label!") ?? []).some(hasLabel);
  return (
    some("name", (value) => value === volume.name || nameMatches(value, volume.name)) &&
    some("driver", (value) => volume.driver === value) &&
    some("dangling", (value) => volume.inUse !== isTrue(value)) &&
    labelled &&
    unlabelled
  );
}

/** As dockerd: what is no expression matches nothing but itself. */
function nameMatches(expression: string, name: string): boolean {
  try {
    return new RegExp(expression).test(name);
  } catch {
    return false;
  }
}

/** Throws `invalidArgument` for a `dangling` that says neither yes nor no. */
export function checkDangling(filters: Filters): void {
  const values = filters.get("dangling") ?? [];
  if (values.some((value) => !/^(0|1|t|f|true|false)$/i.test(value))) {
    throw invalidArgument(`invalid filter 'dangling=[${values.join(" ")}]'`);
  }
}

export const isTrue = (value: string): boolean => /^(1|t|true)$/i.test(value);

/** A boolean filter's value, refused in Docker's words when it is none. */
export function flagOf(value: string): boolean {
  if (isTrue(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw invalidArgument(`invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}
