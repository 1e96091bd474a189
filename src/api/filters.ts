/** The `filters` query parameter: a JSON object of name -> {value: true}, or the older name -> [values]. */
import { invalidArgument } from "../lib/errors.ts";
import { parseJson } from "../lib/json.ts";

/** Values by filter name; a name without values counts as given. */
export type Filters = ReadonlyMap<string, readonly string[]>;

export const noFilters: Filters = new Map();

/** Reads the parameter; `accepted` are the names this route knows. Throws `invalidArgument` in dockerd's words. */
export function parseFilters(text: string | undefined, accepted: readonly string[]): Filters {
  if (text === undefined || text === "") return noFilters;
  const filters = new Map<string, string[]>();
  for (const [name, values] of Object.entries(decode(text))) {
    if (!accepted.includes(name)) throw invalidArgument(`invalid filter '${name}'`);
    filters.set(name, valuesOf(values));
  }
  return filters;
}

/** The same, back to the parameter's text; undefined when there is nothing to say. */
export function formatFilters(filters: Filters): string | undefined {
  if (filters.size === 0) return undefined;
  const entries = [...filters].map(([name, values]) => {
    const set = values.map((value) => `${JSON.stringify(value)}:true`).join(",");
    return `${JSON.stringify(name)}:{${set}}`;
  });
  return `{${entries.join(",")}}`;
}

function decode(text: string): object {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    throw invalidArgument("invalid filter");
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw invalidArgument("invalid filter");
  return value;
}

function valuesOf(values: unknown): string[] {
  if (values === null) return [];
  if (Array.isArray(values)) {
    if (!values.every((value) => typeof value === "string")) throw invalidArgument("invalid filter");
    return values;
  }
  if (typeof values !== "object") throw invalidArgument("invalid filter");
  const kept: string[] = [];
  for (const [value, on] of Object.entries(values)) {
    if (typeof on !== "boolean") throw invalidArgument("invalid filter");
    if (on) kept.push(value);
  }
  return kept;
}
