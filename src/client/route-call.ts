/** What a client asks for: a route of the API with its parameters and query filled in. */
import type { Filters } from "../api/filters.ts";
import { formatTarget, type ParamsOf, type PathSpec, type QueryInput } from "../api/route-spec.ts";

/** A route to call, as {@link to} makes it: the method, and the path with its query. */
export interface RouteCall {
  readonly method: string;
  readonly path: string;
}

/**
 * Names a route with its parameters and query; throws {@link EmptyName}. Of the query, what is undefined or "" is left out, and so is a switch that is
 * off by itself.
 */
export function to<P extends PathSpec>(spec: P, params = {} as ParamsOf<P>, query: QueryInput<P> = {}): RouteCall {
  refuseEmpty(spec, params);
  const said = Object.entries<unknown>(query).filter(
    ([name, value]) => value !== undefined && value !== "" && !(value === false && spec.query?.[name] === "flag"),
  );
  return { method: spec.method, path: formatTarget(spec, params, Object.fromEntries(said) as QueryInput<P>) };
}

/** A name that is empty; no daemon has been asked. */
export class EmptyName extends Error {
  override readonly name = "EmptyName";

  constructor(object: string) {
    super(`invalid ${object} name or ID: value is empty`);
  }
}

/** An empty name would make another route of it; the daemon answers for those of images. */
function refuseEmpty({ path }: PathSpec, params: Readonly<Record<string, string>>): void {
  const object = /^\/(container|network|volume|exec)s?\//.exec(path)?.[1];
  if (object && Object.values(params).includes("")) throw new EmptyName(object);
}

/** What `--filter` gathered, for a query; undefined when there is nothing. */
export function filterQuery(filters: Record<string, readonly string[]>): Filters | undefined {
  const entries = Object.entries(filters);
  return entries.length === 0 ? undefined : new Map(entries);
}
