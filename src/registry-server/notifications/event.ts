/** What happened to a repository, in the envelope of Docker's registry, so that whatever hears that one hears this one. */
import { randomUUID } from "node:crypto";
import type { Digest } from "../../lib/digest.ts";

export const actions = ["push", "pull", "mount", "delete"] as const;
export type EventAction = (typeof actions)[number];

/** A manifest, a blob or a tag that somebody has done something to. */
export interface Happening {
  readonly action: EventAction;
  readonly repository: string;
  /** Null where a tag was removed, and what it led to was not looked at. */
  readonly digest: Digest | null;
  readonly kind: "manifests" | "blobs";
  /** "" where it is not known. */
  readonly mediaType: string;
  /** Null where it is not known. */
  readonly size: number | null;
  readonly tag?: string;
  /** Where a mounted blob comes from. */
  readonly from?: string;
}

/** Who asked, and how. */
export interface Asker {
  readonly request: Request;
  /** "" where it is not known. */
  readonly address: string;
  /** "" for nobody by name. */
  readonly user: string;
}

/** One event as it is sent; times are RFC 3339. */
export type Event = Readonly<Record<string, unknown>> & { readonly id: string; readonly action: EventAction };

/** `source` is this registry's address and a word for this process. */
export function eventOf(
  happening: Happening,
  { request, address, user }: Asker,
  source: { readonly addr: string; readonly instanceID: string },
): Event {
  const { action, repository, digest, kind, mediaType, size, tag, from } = happening;
  const { headers, method, url } = request;
  const { origin, host } = new URL(url);
  return {
    id: randomUUID(),
    timestamp: new Date().toISOString(),
    action,
    target: {
      ...(mediaType === "" ? {} : { mediaType }),
      // Docker's registry has the size twice.
      ...(size === null ? {} : { size, length: size }),
      ...(digest === null ? {} : { digest, url: `${origin}/v2/${repository}/${kind}/${digest}` }),
      repository,
      ...(from === undefined ? {} : { fromRepository: from }),
      ...(tag === undefined ? {} : { tag }),
    },
    request: { id: randomUUID(), addr: address, host, method, useragent: headers.get("user-agent") ?? "" },
    actor: user === "" ? {} : { name: user },
    source,
  };
}
