/** Names that images are given here, by tag, import, commit, load and pull: never one that could pass for content. */
import { invalidArgument } from "../lib/errors.ts";
import { isTag, parseReference, type Reference, withDefaultTag } from "../lib/reference.ts";

/**
 * The name as it may be given: `latest` where it has no tag. A digest is refused, because it would claim bytes that only
 * a registry's answer can prove, and so is a repository called like a digest's algorithm.
 */
export function newName(reference: Reference): Reference {
  if (reference.digest !== null) throw invalidArgument("refusing to create a tag with a digest reference");
  if (reference.path === "library/sha256" || reference.path === "library/sha512") {
    throw invalidArgument("refusing to create an ambiguous tag using digest algorithm as name");
  }
  return withDefaultTag(reference);
}

/** As {@link newName}, of a repository and a tag (`""` for none) as the API gives them. */
export function newNameOf(repo: string, tag: string): Reference {
  const reference = parseReference(repo);
  if (tag !== "" && !isTag(tag)) throw invalidArgument("invalid tag format");
  return newName(tag === "" ? reference : { ...reference, tag });
}
