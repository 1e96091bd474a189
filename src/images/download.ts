/** Fetching one blob of a pull, with retries that go on where the last one broke. */
import type { ContentStore } from "../content/content-store.ts";
import type { Ingest } from "../content/ingest.ts";
import { canceled, dataLoss, isKind, unavailable } from "../lib/errors.ts";
import { pause } from "../lib/pause.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Descriptor } from "./manifest.ts";

const tellEveryMs = 100;

/** What happens to a blob on its way: `started` means that its bytes so far can be read where the store gathers them. */
export type DownloadEvent =
  | { readonly event: "started" | "verifying" | "complete" }
  | { readonly event: "progress"; readonly current: number }
  | { readonly event: "retrying"; readonly seconds: number };

/** One blob and where it comes from. */
export interface DownloadSource {
  readonly client: RegistryClient;
  /** Repository path at the registry. */
  readonly path: string;
  readonly blob: Descriptor;
  /** How often to try before giving up. */
  readonly attempts: number;
  /** True for a blob that is here and is not to be trusted: it is replaced once the new one is whole. */
  readonly replace?: boolean;
}

/**
 * Fetches one blob into the store unless it is there. Processes that want the same blob wait for the first of them. All
 * attempts fill one file, because whoever was told `started` may have opened it.
 */
export async function download(
  content: ContentStore,
  source: DownloadSource,
  tell: (event: DownloadEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { blob, replace = false } = source;
  if (content.has(blob.digest) && !replace) return;
  using _right = await content.fetching(blob.digest, signal);
  if (content.has(blob.digest) && !replace) return;
  using ingest = content.resume(blob.digest);
  if (ingest.size > blob.size) ingest.restart();
  tell({ event: "started" });
  for (let attempt = 1; ingest.size < blob.size || (blob.size === 0 && attempt === 1); attempt++) {
    try {
      await fill(ingest, source, tell, signal);
    } catch (error) {
      if (signal.aborted) throw canceled("context canceled", { cause: error });
      if (isFinal(error) || attempt >= source.attempts) {
        ingest.discard();
        throw error;
      }
      tell({ event: "retrying", seconds: attempt });
      await pause(200 * attempt, signal);
    }
  }
  tell({ event: "verifying" });
  await ingest.commit(blob);
  tell({ event: "complete" });
}

/** One attempt at the rest of the blob. */
async function fill(
  ingest: Ingest,
  { client, path, blob }: DownloadSource,
  tell: (event: DownloadEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { from, body } = await client.blob(path, blob.digest, ingest.size, signal);
  if (from !== ingest.size) ingest.restart();
  let lastTold = 0;
  for await (const chunk of body) {
    signal.throwIfAborted();
    if (ingest.size + chunk.length > blob.size) {
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

const isFinal = (error: unknown): boolean =>
  isKind(error, "dataLoss", "resourceExhausted", "notFound", "forbidden", "unauthorized", "tooLarge");
