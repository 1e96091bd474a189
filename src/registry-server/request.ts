/** One request as the endpoints see it, its parts checked. */
import { type Digest, digestProblem, isDigest } from "../lib/digest.ts";
import type { Access, Identity } from "./access.ts";
import { Failure } from "./failure.ts";
import type { RepositoryName } from "./layout.ts";
import type { Happening } from "./notifications/event.ts";
import type { Notifications } from "./notifications/notifications.ts";
import type { PullThrough } from "./proxy/pull-through.ts";
import type { Repositories } from "./repositories.ts";
import type { UploadOwner, UploadSessions } from "./upload-sessions.ts";

/** What the endpoints work on. */
export interface Registry {
  readonly repositories: Repositories;
  readonly uploads: UploadSessions;
  readonly access: Access;
  /** Where what is not here comes from; null for a registry of its own. */
  readonly proxy: PullThrough | null;
  /** False refuses to remove anything. */
  readonly deletes: boolean;
  readonly notifications: Notifications;
  /** True refuses to change anything. */
  readonly readOnly: boolean;
}

export interface Call {
  /** Says what was done to the repository. */
  readonly tell: (happening: Omit<Happening, "repository">) => void;
  readonly registry: Registry;
  readonly request: Request;
  readonly url: URL;
  readonly name: RepositoryName;
  readonly identity: Identity;
}

export const ownerOf = ({ name, identity }: Call): UploadOwner => ({ name, user: identity.user });

/** Throws `DIGEST_INVALID`, and names an algorithm that the registry has not. */
export function digestIn(text: string | null): Digest {
  if (isDigest(text)) return text;
  throw new Failure("DIGEST_INVALID", { digest: text }, {}, digestProblem(text));
}

/** The 304 for a client that says it has what a digest names (RFC 9110, 13.1.2); null for one that does not. */
export function notModified(request: Request, digest: Digest): Response | null {
  const etag = `"${digest}"`;
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((one) => one.trim().replace(/^W\//, ""));
  if (!known.includes(etag) && !known.includes("*")) return null;
  return new Response(null, { status: 304, headers: { etag, "docker-content-digest": digest } });
}

/** What both lists of the specification do with `n` and `last`: a page of sorted names, and where the next one is. */
export function pageOf(url: URL, names: readonly string[]): { page: string[]; headers: Record<string, string> } {
  const { n, last } = pagination(url);
  const after = last === "" ? names : names.filter((name) => name > last);
  const page = after.slice(0, n);
  const isLast = page.length === after.length || page.length === 0;
  return { page, headers: isLast ? {} : { link: nextLink(url, n, page.at(-1) ?? "") } };
}

/** Most names of one answer. */
const maxPage = 10_000;

export function pagination(url: URL): { n: number; last: string } {
  const text = url.searchParams.get("n");
  const n = text === null ? maxPage : /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(n)) throw new Failure("PAGINATION_NUMBER_INVALID", { n: text });
  return { n: Math.min(n, maxPage), last: url.searchParams.get("last") ?? "" };
}

export const nextLink = (url: URL, n: number, last: string): string =>
  `<${url.pathname}?${new URLSearchParams({ n: String(n), last })}>; rel="next"`;
