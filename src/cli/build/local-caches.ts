/** Caches in directories on this side, `type=local`: what the builder is told of them, and what is entered once it has written. */
import { resolve } from "node:path";
import type { TypedAttributes } from "../../client/buildkit/builder.ts";
import { openBlobDirectory } from "../../client/session/blob-directory.ts";
import type { BlobStore, BlobStores } from "../../client/session/content.ts";
import { findInLayout, type LayoutEntry, putInLayout } from "../../client/session/layout-index.ts";
import { messageOf } from "../../lib/errors.ts";
import type { CachePlace } from "./caches.ts";
import type { ExporterResponse } from "./results.ts";

export interface LocalCaches {
  readonly from: readonly TypedAttributes[];
  readonly to: readonly TypedAttributes[];
  readonly stores: BlobStores;
  /** Why a cache is not taken. */
  readonly warnings: readonly string[];
}

type Places = { readonly cacheFrom: readonly CachePlace[]; readonly cacheTo: readonly CachePlace[] };

/** Places that are not here are handed on as they are. */
export async function localCaches({ cacheFrom, cacheTo }: Places): Promise<LocalCaches> {
  const stores: Record<string, BlobStore> = {};
  const warnings: string[] = [];
  const to = cacheTo.map((place) => {
    const { type, attrs } = place;
    if (type !== "local") return place;
    const dest = resolve(attrs.dest ?? "");
    stores[`local:${dest}`] = { path: dest, isWritable: true };
    return { type, attrs: { ...attrs, dest } };
  });
  const from: TypedAttributes[] = [];
  for (const place of cacheFrom) {
    if (place.type !== "local") {
      from.push(place);
      continue;
    }
    const src = resolve(place.attrs.src ?? "");
    try {
      const digest = place.attrs.digest ?? (await findInLayout(src, place.attrs.tag ?? ""));
      stores[`local:${src}`] ??= { path: src, isWritable: false };
      from.push({ type: "local", attrs: { ...place.attrs, src, digest } });
    } catch (error) {
      warnings.push(`local cache import at ${src} not found: ${messageOf(error)}`);
    }
  }
  return { from, to, stores, warnings };
}

/** Enters an exported cache under its tag. */
export async function enterCaches(to: readonly TypedAttributes[], response: ExporterResponse): Promise<void> {
  const manifest = response.get("cache.manifest");
  if (!manifest) return;
  for (const { type, attrs } of to) {
    const entry = JSON.parse(manifest) as LayoutEntry;
    // Of several caches the builder tells one: the one elsewhere is none of this directory's.
    if (type !== "local" || (await openBlobDirectory(attrs.dest ?? "").size(entry.digest)) === null) continue;
    await putInLayout(attrs.dest ?? "", entry, [{ tag: attrs.tag ?? "latest" }]);
  }
}
