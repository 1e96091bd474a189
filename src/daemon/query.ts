/** Query parameters, read by a route's table as dockerd reads them. */
import { parseFilters } from "../api/filters.ts";
import type { PathSpec, QueryKind } from "../api/route-spec.ts";
import { systemError } from "../lib/errors.ts";

/** The values of `spec`'s parameters in `search` (without the question mark); what the table does not know is ignored. */
export function parseQuery(spec: PathSpec, search: string): Record<string, unknown> {
  const given = new URLSearchParams(search);
  const values: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(spec.query ?? {})) values[name] = readParameter(spec, given, name, kind);
  return values;
}

function readParameter(spec: PathSpec, given: URLSearchParams, name: string, kind: QueryKind): unknown {
  const text = given.get(name);
  switch (kind) {
    case "text":
      return text ?? "";
    case "flag":
      return readFlag(text ?? "");
    case "flagOn":
      return text === null || readFlag(text);
    case "number":
      return text === null || text === "" ? undefined : readInteger(text);
    case "words":
      return given.getAll(name);
    case "filters":
      return parseFilters(text ?? undefined, spec.filters ?? []);
  }
}

function readFlag(text: string): boolean {
  return !["", "0", "no", "false", "none"].includes(text.trim().toLowerCase());
}

/** As Go's Atoi; dockerd lets its error through as a 500, words and status included. */
function readInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw systemError(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw systemError(`strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return value;
}
