/** Small blobs of a client's, whole. */
import type { Digest } from "../../lib/digest.ts";
import { digestOf } from "../../lib/digest.ts";
import { dataLoss, invalidArgument } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { ClientBlobs } from "../request-results.ts";

/** Rejects with `notFound`, with `invalidArgument` for more than `maxBytes`, with `dataLoss` for bytes of another digest. */
export async function readBlob(blobs: ClientBlobs, digest: Digest, maxBytes: number, op: Operation): Promise<Buffer> {
  const all: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of await blobs.read(digest, op)) {
    size += chunk.length;
    if (size > maxBytes) throw invalidArgument(`the client's blob ${digest} is too large: more than ${maxBytes} bytes`);
    all.push(chunk);
  }
  const bytes = Buffer.concat(all);
  if (digestOf(bytes) !== digest) throw dataLoss(`the client's blob ${digest} is another`);
  return bytes;
}
