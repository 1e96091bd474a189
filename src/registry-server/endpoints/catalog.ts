/** The list of repositories that somebody may pull from. */
import type { Identity } from "../access.ts";
import { nextLink, pagination, type Registry } from "../request.ts";

export async function listRepositories(
  { repositories, access }: Registry,
  identity: Identity,
  url: URL,
): Promise<Response> {
  if (!identity.lists) throw access.refusal(url, "registry:catalog:*");
  const { n, last } = pagination(url);
  const page: string[] = [];
  let more = false;
  for await (const name of repositories.all()) {
    if (last !== "" && inWalk(name) <= inWalk(last)) continue;
    if (!identity.lists(name)) continue;
    if (page.length === n) {
      more = n > 0;
      break;
    }
    page.push(name);
  }
  const headers: Record<string, string> = more ? { link: nextLink(url, n, page.at(-1) ?? "") } : {};
  return Response.json({ repositories: page }, { headers });
}

/** What gives names the order of a walk, in which what is below a name comes before what only begins like it. */
const inWalk = (name: string): string => name.replaceAll("/", "\0");
