/**
 * How a route says what it takes, as plain data: no schema library here, so that the client can load it. The kinds of query
 * parameters follow Docker's own reading of them.
 */
import { type Filters, formatFilters } from "./filters.ts";

/**
 * `text` is "" when absent; `flag` is false when absent, `flagOn` true; anything but "", 0, no, false and none means true.
 * `number` is undefined when absent; `words` is a parameter given any number of times.
 */
export type QueryKind = "text" | "flag" | "flagOn" | "number" | "words" | "filters";

export interface QueryTypes {
  text: string;
  flag: boolean;
  flagOn: boolean;
  number: number | undefined;
  words: readonly string[];
  filters: Filters;
}

export type QuerySpec = Readonly<Record<string, QueryKind>>;

export interface PathSpec {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** `{id}` is one segment, `{name:*}` one or more. */
  readonly path: string;
  readonly query?: QuerySpec;
  /** Names that the `filters` parameter may hold. */
  readonly filters?: readonly string[];
}

/** The query of a route as its handler sees it. */
export type QueryOf<P extends PathSpec> = P extends { query: infer Q extends QuerySpec }
  ? { readonly [K in keyof Q]: QueryTypes[Q[K]] }
  : Record<string, never>;

type ParamNames<S extends string> = S extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${infer Bare}:*` ? Bare : Name) | ParamNames<Rest>
  : never;

/** The path parameters of a route. */
export type ParamsOf<P extends PathSpec> = { readonly [K in ParamNames<P["path"]>]: string };

/** A query as a caller gives it: what is left out is not sent. */
export type QueryInput<P extends PathSpec> = { readonly [K in keyof QueryOf<P>]?: QueryOf<P>[K] | undefined };

/** The request target of a route: path with its parameters escaped (`/` kept in `{name:*}`), and the query. */
export function formatTarget<P extends PathSpec>(spec: P, params: ParamsOf<P>, query: QueryInput<P> = {}): string {
  const values: Readonly<Record<string, string>> = params;
  const path = spec.path.replace(/\{(\w+)(:\*)?\}/g, (_, name: string, many?: string) => {
    const escaped = encodeURIComponent(values[name] ?? "");
    return many ? escaped.replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@") : escaped;
  });
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries<unknown>(query)) {
    if (value === undefined) continue;
    if (typeof value === "boolean") pairs.append(name, value ? "1" : "0");
    else if (Array.isArray(value)) for (const word of value) pairs.append(name, String(word));
    else if (value instanceof Map) {
      const filters = formatFilters(value);
      if (filters !== undefined) pairs.append(name, filters);
    } else pairs.append(name, String(value));
  }
  const text = pairs.toString();
  return text === "" ? path : `${path}?${text}`;
}
