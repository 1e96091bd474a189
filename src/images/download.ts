/** Fetching one blob of a pull, with retries that go on where the last one broke. */
import type { ProgressSink } from "../api/images.ts";
import type { Digest } from "../lib/digest.ts";
import { canceled, dataLoss, isKind, unavailable } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { pause, type RegistryClient } from "../registry/client.ts";
import type { Descriptor } from "./manifest.ts";
import type { Hold, Shelf } from "./shelf.ts";

const maxDownloadAttempts = 5;

/** Fetches one blob unless it is here; goes on where a broken try stopped. */
export async function download(
  shelf: Shelf,
  hold: Hold,
  client: RegistryClient,
  path: string,
  blob: Descriptor,
  id: string | null,
  fetched: Digest[],
  tell: ProgressSink,
  op: Operation,
): Promise<void> {
  hold.lease.add(blob.digest);
  if (shelf.content.has(blob.digest)) return;
  using _right = await shelf.content.fetching(blob.digest, op.signal);
  if (shelf.content.has(blob.digest)) return;
  let lastTold = 0;
  for (let attempt = 1; ; attempt++) {
    using ingest = shelf.content.ingest(blob.digest);
    try {
      if (ingest.size > blob.size) ingest.restart();
      if (ingest.size < blob.size || blob.size === 0) {
        const { from, body } = await client.blob(path, blob.digest, ingest.size, op.signal);
        if (from !== ingest.size) ingest.restart();
        for await (const chunk of body) {
          op.signal.throwIfAborted();
          if (ingest.size + chunk.length > blob.size) {
            ingest.discard();
            throw dataLoss(`unexpected size: more than ${blob.size} bytes for ${blob.digest}`);
          }
          ingest.write(chunk);
          const now = performance.now();
          if (id && now - lastTold > 100) {
            lastTold = now;
            tell({ status: "Downloading", id, progressDetail: { current: ingest.size, total: blob.size } });
          }
        }
        if (ingest.size < blob.size) throw unavailable("unexpected EOF");
      }
      fetched.push(blob.digest);
      if (id) tell({ status: "Verifying Checksum", id, progressDetail: {} });
      ingest.commit(blob, hold.lease);
      if (id) tell({ status: "Download complete", id, progressDetail: {} });
      return;
    } catch (error) {
      if (op.signal.aborted) throw canceled("context canceled", { cause: error });
      const isFinal = isKind(
        error,
        "dataLoss",
        "resourceExhausted",
        "notFound",
        "forbidden",
        "unauthorized",
        "tooLarge",
      );
      if (isFinal || attempt >= maxDownloadAttempts) {
        ingest.discard();
        throw error;
      }
    }
    if (id) tell({ status: `Retrying in ${attempt} second${attempt > 1 ? "s" : ""}`, id, progressDetail: {} });
    await pause(200 * attempt, op.signal);
  }
}
