/** Making a layer's blob anew from the unpacked layer: what was packed here is packed into the same bytes again. */
import type { Digest } from "../../lib/digest.ts";
import { dataLoss, isKind } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Descriptor } from "../manifest.ts";
import type { Shelf } from "../shelf.ts";

/** Throws `dataLoss` when the layer, altered or packed elsewhere, gives other bytes; what is there stays as it is then. */
export async function repack(shelf: Shelf, chainId: Digest, blob: Descriptor, op: Operation): Promise<string> {
  const { content, snapshots } = shelf;
  using hold = shelf.hold();
  hold.chains.add(chainId);
  hold.lease.add(blob.digest);
  const session = content.session();
  try {
    using ingest = content.ingest(session);
    for await (const chunk of snapshots.care.pack(chainId)) {
      op.signal.throwIfAborted();
      if (ingest.size + (chunk as Uint8Array).length > blob.size) throw otherBytes();
      ingest.write(chunk as Uint8Array);
    }
    await ingest.commit(blob, hold.lease);
    return "packed again from the unpacked layer";
  } catch (error) {
    if (isKind(error, "dataLoss")) throw otherBytes();
    throw error;
  } finally {
    content.dropSession(session);
  }
}

const otherBytes = (): Error => dataLoss("the unpacked layer does not give the same bytes");
