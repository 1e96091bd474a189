/** Image names that the client itself reads before it asks the daemon. */
import { messageOf } from "../../lib/errors.ts";
import { parseReference, type Reference } from "../../lib/reference.ts";

/** Parses one end of `tag`; throws in the client's words, which show the repository with its `library/`. */
export function tagReference(text: string): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    const reason = messageOf(error).replace(/ \(([^/()]+)\) must be lowercase/, " (library/$1) must be lowercase");
    throw new Error(`Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${reason}`);
  }
}
