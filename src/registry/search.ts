/** `search`: the old index API (`/v1/search`), which Docker Hub alone still answers. */
import * as v from "valibot";
import type { ImageSearchResult } from "../api/images.ts";
import type { AuthConfig } from "../api/system.ts";
import { invalidArgument, systemError, unavailable } from "../lib/errors.ts";
import { credentialsFor } from "./auth.ts";
import { bounded } from "./bounded.ts";
import { isInsecureHost } from "./insecure.ts";
import { describe } from "./transport.ts";

const defaultLimit = 25;
const maxLimit = 100;
const maxAnswer = 4 << 20;

const Answer = v.object({
  results: v.nullish(
    v.array(
      v.object({
        name: v.string(),
        description: v.nullish(v.string(), ""),
        star_count: v.optional(v.number(), 0),
        is_official: v.optional(v.boolean(), false),
        is_automated: v.optional(v.boolean(), false),
      }),
    ),
    [],
  ),
});

export interface SearchQuery {
  /** Words, behind `HOST/` for another index than Docker Hub's. */
  readonly term: string;
  /** 0 for the index's own. */
  readonly limit: number;
  readonly auth: AuthConfig | undefined;
}

/** Asks the index. Throws `invalidArgument` for a term or limit that is none. */
export async function search(
  query: SearchQuery,
  insecure: readonly string[],
  signal: AbortSignal,
): Promise<ImageSearchResult[]> {
  const { term, limit } = query;
  if (term.includes("://")) {
    throw invalidArgument(`invalid repository name: repository name (${term}) should not have a scheme`);
  }
  if (limit !== 0 && (limit < 1 || limit > maxLimit)) {
    throw invalidArgument(`limit ${limit} is outside the range of [1, ${maxLimit}]`);
  }
  const { domain, words } = indexOf(term);
  const host = domain === "docker.io" ? "index.docker.io" : domain;
  const isInsecure = isInsecureHost(host, insecure);
  const credentials = credentialsFor(domain, query.auth);
  const basic: Record<string, string> = credentials?.username
    ? { authorization: `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}` }
    : {};
  let failure: unknown;
  for (const scheme of isInsecure ? ["https", "http"] : ["https"]) {
    const url = `${scheme}://${host}/v1/search?${new URLSearchParams({ q: words, n: String(limit || defaultLimit) })}`;
    let response: Response;
    try {
      const headers = { "user-agent": "dhow", "x-docker-token": "true", ...basic };
      response = await fetch(url, { headers, redirect: "error", signal, tls: { rejectUnauthorized: !isInsecure } });
    } catch (error) {
      signal.throwIfAborted();
      failure = systemError(`Get "${url}": ${describe(error, new URL(url))}`, { cause: error });
      continue;
    }
    if (response.status !== 200) throw systemError(`Unexpected status code ${response.status}`);
    return resultsIn((await bounded(response, maxAnswer)).toString("utf8"));
  }
  throw failure;
}

function resultsIn(text: string): ImageSearchResult[] {
  try {
    return v.parse(Answer, JSON.parse(text)).results ?? [];
  } catch (error) {
    throw unavailable("the index answered what is no list of repositories", { cause: error });
  }
}

function indexOf(term: string): { domain: string; words: string } {
  const slash = term.indexOf("/");
  const first = slash < 0 ? "" : term.slice(0, slash);
  const isHost = first === "localhost" || /[.:]/.test(first);
  if (!isHost || first === "docker.io" || first === "index.docker.io") {
    const words = isHost ? term.slice(slash + 1) : term;
    return { domain: "docker.io", words: words.replace(/^library\//, "") };
  }
  return { domain: first, words: term.slice(slash + 1) };
}
