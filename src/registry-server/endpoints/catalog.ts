/** The list of repositories that somebody may pull from. */
import type { Identity } from "../access.ts";
import { nextLink, pagination, type Registry } from "../request.ts";

export async function listRepositories({ repositories }: Registry, identity: Identity, url: URL): Promise<Response> {
  const { n, last } = pagination(url);
  const page: string[] = [];
  let more = false;
  for await (const name of repositories.all()) {
    if (last !== "" && inWalk(name) <= inWalk(last)) continue;
    if (!identity.may(name, "pull")) continue;
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
