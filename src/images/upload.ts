/** Sending one blob of a push, with retries that go on where the last one broke. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { ContentStore } from "../content/content-store.ts";
import type { Digest } from "../lib/digest.ts";
import { canceled, isKind, notFound } from "../lib/errors.ts";
import { gzipFile } from "../lib/gzip-file.ts";
import { pause } from "../lib/pause.ts";
import { CredentialsRenewed, RegistryRefusal } from "../registry/refusal.ts";
import type { RegistryUploads, Upload } from "../registry/uploads.ts";
import type { UploadNote } from "./upload-notes.ts";

const tellEveryMs = 100;
const chunkSize = 256 * 1024;

/** What a registry is to have of one blob of ours. */
export interface OutgoingBlob {
  readonly digest: Digest;
  readonly size: number;
  /** An uncompressed layer, which travels packed. */
  readonly pack: boolean;
  /** What it was when it was packed before. */
  readonly packed: SentBlob | null;
  /** Repositories of the same registry that have it. */
  readonly sources: readonly string[];
}

/** The blob as the registry has it. */
export interface SentBlob {
  readonly digest: Digest;
  readonly size: number;
}

export type UploadEvent =
  | { readonly event: "progress"; readonly current: number }
  | { readonly event: "retrying"; readonly seconds: number }
  | { readonly event: "mounted"; readonly from: string; readonly as: SentBlob }
  | { readonly event: "exists" | "pushed"; readonly as: SentBlob };

/** One blob, and what it is sent with. */
export interface UploadTarget {
  readonly uploads: RegistryUploads;
  readonly note: UploadNote;
  readonly blob: OutgoingBlob;
  /** How often to try before giving up. */
  readonly attempts: number;
}

/** Sends the blob unless the repository has it, or can have it from another. */
export async function upload(
  content: ContentStore,
  target: UploadTarget,
  tell: (event: UploadEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { uploads, blob, note, attempts } = target;
  const known: SentBlob | null = blob.pack ? blob.packed : blob;
  const as = known && { digest: known.digest, size: known.size };
  if (as && (await uploads.has(as.digest, signal))) return tell({ event: "exists", as });
  let session: Upload | null = null;
  for (const from of as ? blob.sources : []) {
    if (!as) break;
    session = await uploads.mount(as.digest, from, signal);
    if (session === null) return tell({ event: "mounted", from, as });
  }
  let [reached, failedAt] = [0, 0];
  for (let attempt = 1; ; attempt++) {
    try {
      const noted = note.read();
      if (noted) session = (await uploads.status({ location: noted, offset: 0 }, signal)) ?? session;
      session ??= await uploads.begin(signal);
      // Whoever gets on has as many attempts as at the beginning.
      if (session.offset > reached) [attempt, reached] = [1, session.offset];
      note.write(session.location);
      const sent = await send(content, uploads, blob, session, tell, signal);
      return tell({ event: "pushed", as: sent });
    } catch (error) {
      if (signal.aborted) throw canceled("context canceled", { cause: error });
      if (isFinal(error) || attempt >= attempts) throw error;
      const offset = session?.offset ?? 0;
      // Credentials say nothing of a session; one that is refused, or gets no further, is not trusted again.
      const isRenewed = error instanceof CredentialsRenewed;
      if (!isRenewed && offset > 0 && (error instanceof RegistryRefusal || offset === failedAt)) note.write(null);
      if (!isRenewed) failedAt = offset;
      session = null;
      if (isRenewed) continue;
      tell({ event: "retrying", seconds: attempt });
      await pause(200 * attempt, signal);
    }
  }
}

/** The rest of the blob in one piece, then its digest. */
async function send(
  content: ContentStore,
  uploads: RegistryUploads,
  blob: OutgoingBlob,
  session: Upload,
  tell: (event: UploadEvent) => void,
  signal: AbortSignal,
): Promise<SentBlob> {
  const path = content.path(blob.digest);
  // Packed anew from the first byte on, also to go on: the same bytes come out.
  const outgoing = blob.pack ? gzipFile(path) : stored(path, session.offset);
  const hash = createHash("sha256");
  let size = blob.pack ? 0 : session.offset;
  let lastTold = 0;
  async function* rest(): AsyncGenerator<Uint8Array> {
    for await (const chunk of outgoing) {
      const from = Math.max(0, session.offset - size);
      size += chunk.length;
      if (blob.pack) hash.update(chunk);
      if (from < chunk.length) yield from === 0 ? chunk : chunk.subarray(from);
      const now = performance.now();
      if (now - lastTold <= tellEveryMs) continue;
      lastTold = now;
      tell({ event: "progress", current: size });
    }
  }
  const location = await uploads.append(session, streamOf(rest()), signal);
  const as: SentBlob = blob.pack ? { digest: `sha256:${hash.digest("hex")}`, size } : blob;
  await uploads.finish(location, as.digest, signal);
  return { digest: as.digest, size: as.size };
}

const stored = (path: string, start: number): AsyncIterable<Uint8Array> =>
  createReadStream(path, { start, highWaterMark: chunkSize });

function streamOf(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(isGone(error) ? notFound("a blob of the image is missing") : error);
      }
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
}

const isGone = (error: unknown): boolean => (error as { code?: unknown }).code === "ENOENT";

const isFinal = (error: unknown): boolean => isKind(error, "forbidden", "unauthorized", "tooLarge");
