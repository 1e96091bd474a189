import { encodedSuffix } from "../../api/buildkit/files.ts";
import type { Metadata } from "../../lib/grpc/metadata.ts";

/** Lists of texts as headers; what is not ASCII is escaped as in a query, and said to be. Empty lists are left out. */
export function encodedMetadata(lists: Readonly<Record<string, readonly string[]>>): Metadata {
  const found = new Map<string, readonly string[]>();
  for (const [name, values] of Object.entries(lists)) {
    if (values.length === 0) continue;
    const isPlain = values.every((value) => /^[\x20-\x7e]*$/.test(value));
    found.set(name, isPlain ? values : values.map((value) => encodeURIComponent(value)));
    if (!isPlain) found.set(name + encodedSuffix, ["1"]);
  }
  return found;
}
