/** Fetching one blob of a pull, with retries that go on where the last one broke. */
import type { ContentStore } from "../content/content-store.ts";
import { canceled, dataLoss, isKind, unavailable } from "../lib/errors.ts";
import { pause } from "../lib/pause.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Descriptor } from "./manifest.ts";

const maxDownloadAttempts = 5;
const tellEveryMs = 100;

/** What happens to a blob on its way: `started` means that its bytes so far can be read where the store gathers them. */
export type DownloadEvent =
  | { readonly event: "started" | "verifying" | "complete" }
  | { readonly event: "progress"; readonly current: number }
  | { readonly event: "retrying"; readonly seconds: number };

/** Fetches one blob into the store unless it is there. Processes that want the same blob wait for the first of them. */
export async function download(
  content: ContentStore,
  client: RegistryClient,
  path: string,
  blob: Descriptor,
  tell: (event: DownloadEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  if (content.has(blob.digest)) return;
  using _right = await content.fetching(blob.digest, signal);
  if (content.has(blob.digest)) return;
  for (let attempt = 1; ; attempt++) {
    using ingest = content.resume(blob.digest);
    try {
      if (ingest.size > blob.size) ingest.restart();
      tell({ event: "started" });
      if (ingest.size < blob.size || blob.size === 0) {
        const { from, body } = await client.blob(path, blob.digest, ingest.size, signal);
        if (from !== ingest.size) ingest.restart();
        let lastTold = 0;
        for await (const chunk of body) {
          signal.throwIfAborted();
          if (ingest.size + chunk.length > blob.size) {
            ingest.discard();
            throw dataLoss(`unexpected size: more than ${blob.size} bytes for ${blob.digest}`);
          }
          ingest.write(chunk);
          const now = performance.now();
          if (now - lastTold <= tellEveryMs) continue;
          lastTold = now;
          tell({ event: "progress", current: ingest.size });
        }
        if (ingest.size < blob.size) throw unavailable("unexpected EOF");
      }
      tell({ event: "verifying" });
      await ingest.commit(blob);
      tell({ event: "complete" });
      return;
    } catch (error) {
      if (signal.aborted) throw canceled("context canceled", { cause: error });
      if (isFinal(error) || attempt >= maxDownloadAttempts) {
        ingest.discard();
        throw error;
      }
    }
    tell({ event: "retrying", seconds: attempt });
    await pause(200 * attempt, signal);
  }
}

const isFinal = (error: unknown): boolean =>
  isKind(error, "dataLoss", "resourceExhausted", "notFound", "forbidden", "unauthorized", "tooLarge");
