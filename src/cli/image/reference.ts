/** Image names that the client itself reads before it asks the daemon. */
import { isDigest } from "../../lib/digest.ts";
import { messageOf } from "../../lib/errors.ts";
import { parseReference, type Reference, withDefaultTag } from "../../lib/reference.ts";

/** Whole digests of the algorithms that Docker's clients read besides ours. */
const otherDigest = /^(sha384(?=:[0-9a-f]{96}$)|sha512(?=:[0-9a-f]{128}$))/;

/** Parses what the user calls an image; throws in the client's words, which show the repository with its `library/`. */
export function clientReference(text: string): Reference {
  const at = text.indexOf("@");
  if (at >= 0 && !isDigest(text.slice(at + 1))) {
    const algorithm = otherDigest.exec(text.slice(at + 1))?.[1];
    throw new Error(algorithm ? `unsupported digest algorithm ${algorithm}` : "invalid reference format");
  }
  try {
    return parseReference(text);
  } catch (error) {
    const isHubs = !text.includes("/") || /^(?:index\.)?docker\.io\//.test(text);
    const shown = isHubs ? " (library/$1) must be lowercase" : " ($1) must be lowercase";
    throw new Error(messageOf(error).replace(/ \(([^/()]+)\) must be lowercase/, shown));
  }
}

/** As {@link clientReference}, with `:latest` where neither tag nor digest is given. */
export const taggedReference = (text: string): Reference => withDefaultTag(clientReference(text));

/** True for an image's ID in full, which no registry knows. */
export function isFullId(text: string): boolean {
  return /^[a-f0-9]{64}$/.test(text) || isDigest(text);
}

/** Throws for what is neither a name nor an ID in full. */
export function checkImage(text: string): void {
  if (!isFullId(text)) clientReference(text);
}

/** Throws for a name that a new image cannot be given; "" is none. */
export function checkNewName(text: string): void {
  if (text !== "" && clientReference(text).digest !== null) {
    throw new Error("refusing to create a tag with a digest reference");
  }
}

/** Parses one end of `tag`. */
export function tagReference(text: string): Reference {
  try {
    return clientReference(text);
  } catch (error) {
    throw new Error(
      `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${messageOf(error)}`,
    );
  }
}
