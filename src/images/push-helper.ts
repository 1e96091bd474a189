/** The helper that uploads the blobs of a push: packing, hashing and sending are away from the daemon. */
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ContentStore } from "../content/content-store.ts";
import { answer, tellCaller } from "../helper/helper-process.ts";
import type { Digest } from "../lib/digest.ts";
import type { RegistryOptions } from "../registry/transport.ts";
import { RegistryUploads } from "../registry/uploads.ts";
import { inParallel } from "./in-parallel.ts";
import { type OutgoingBlob, type UploadEvent, upload } from "./upload.ts";
import { UploadNotes } from "./upload-notes.ts";

/** Comes by stdin and not by argument: it may hold credentials. */
export interface PushRequest {
  readonly contentRoot: string;
  readonly registry: RegistryOptions;
  /** Repository path at the registry. */
  readonly path: string;
  readonly blobs: readonly OutgoingBlob[];
  /** How many uploads at once. */
  readonly parallel: number;
  /** How often to try each. */
  readonly attempts: number;
}

/** One line of the helper's output. */
export type PushLine = UploadEvent & { readonly digest: Digest };

export const notesIn = (contentRoot: string): UploadNotes => new UploadNotes(join(contentRoot, "uploads"));

export async function pushBlobsMain(args: string[]): Promise<void> {
  await answer<object, true>(args, async () => {
    const request = JSON.parse(await text(process.stdin)) as PushRequest; // our own daemon wrote it
    const { contentRoot, registry, path, blobs, parallel, attempts } = request;
    const content = new ContentStore(contentRoot);
    const notes = notesIn(contentRoot);
    const sources = new Set(blobs.flatMap((blob) => blob.sources));
    const uploads = new RegistryUploads({ ...registry, keepAlive: true }, path, [...sources]);
    await inParallel(blobs, parallel, async (blob, signal) => {
      const { digest } = blob;
      const tell = (event: UploadEvent): void => tellCaller({ ...event, digest } satisfies PushLine);
      using note = notes.open(registry.domain, path, digest);
      await upload(content, { uploads, note, blob, attempts }, tell, signal);
      note.drop();
    });
    return true;
  });
}
