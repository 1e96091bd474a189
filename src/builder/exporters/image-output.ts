/** The output `image`: in the store under its names, and pushed where that is asked for. */

import { invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { hostPlatform } from "../../lib/platform.ts";
import { familiarReference, familiarRepository, parseReference, withDefaultTag } from "../../lib/reference.ts";
import type { Credentials } from "../request-sources.ts";
import type { ImageOptions } from "./attributes.ts";
import { type ImageSet, imageSet, primaryOf, type SetParts, type Target } from "./image-set.ts";

export interface ImageRequest {
  readonly targets: readonly Target[];
  readonly options: ImageOptions;
  /** Of the request and of the output, as they were written. */
  readonly names: readonly string[];
  readonly auths: Credentials;
}

/** What an image output came to. */
export interface ImageResult {
  readonly set: ImageSet;
  /** "" where the image is not in the store. */
  readonly id: string;
  readonly names: readonly string[];
}

export async function outputImage(
  parts: SetParts,
  { targets, options, names, auths }: ImageRequest,
  op: Operation,
): Promise<ImageResult> {
  const { outputs, hold } = parts;
  if (options.push && names.length === 0) throw invalidArgument("tag is needed when pushing to registry");
  // What is sent is packed; what stays here is as it is stored, unless told otherwise.
  const compression = options.compression ?? (options.push ? "gzip" : null);
  const set = await imageSet(parts, targets, { ...options, compression }, op);
  const given = calledNames(names, options, set);
  let id = "";
  let called: readonly string[] = [];
  if (options.store) {
    const { manifest, target } = primaryOf(set.images, hostPlatform());
    const image = { manifest, names: given.tags, parent: target.parent };
    ({ id, names: called } = await outputs.place(hold, set, image, op));
    for (const name of given.canonical) outputs.nameByDigest(id, name, set.top.digest);
  }
  if (options.push) {
    for (const name of names) {
      const auth = await auths.get(parseReference(name).domain);
      await outputs.push(set, { name, auth, isInsecure: options.isInsecure }, options.pushByDigest, op);
      if (id !== "") outputs.nameByDigest(id, name, set.top.digest);
    }
  }
  return { set, id, names: called.length > 0 ? called : names.map((name) => shown(name)) };
}

const shown = (name: string): string => familiarReference(withDefaultTag(parseReference(name)));

function calledNames(
  names: readonly string[],
  { danglingPrefix, nameCanonical, pushByDigest }: ImageOptions,
  { top }: ImageSet,
): { readonly tags: readonly string[]; readonly canonical: readonly string[] } {
  if (names.length === 0) {
    return { tags: [], canonical: danglingPrefix === "" ? [] : [`${danglingPrefix}@${top.digest}`] };
  }
  const canonical = names.map((name) => `${familiarRepository(parseReference(name))}@${top.digest}`);
  // Pushed by digest, a tag would say what the registry does not.
  return { tags: pushByDigest ? [] : names, canonical: nameCanonical || pushByDigest ? canonical : [] };
}
