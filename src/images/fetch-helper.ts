/** The helper that downloads the blobs of a pull: network, hashing and writing are away from the daemon. */
import { text } from "node:stream/consumers";
import { ContentStore } from "../content/content-store.ts";
import { answer, tellCaller } from "../helper/helper-process.ts";
import type { Digest } from "../lib/digest.ts";
import { RegistryClient } from "../registry/client.ts";
import type { RegistryOptions } from "../registry/transport.ts";
import { type DownloadEvent, download } from "./download.ts";
import { inParallel } from "./in-parallel.ts";
import type { Descriptor } from "./manifest.ts";

/** Comes by stdin and not by argument: it may hold credentials. */
export interface FetchRequest {
  readonly contentRoot: string;
  readonly registry: RegistryOptions;
  /** Repository path at the registry. */
  readonly path: string;
  readonly blobs: readonly Descriptor[];
  /** How many downloads at once. */
  readonly parallel: number;
  /** How often to try each. */
  readonly attempts: number;
  /** Fetches also what is here, and puts it in its place. */
  readonly replace?: boolean;
}

/** One line of the helper's output. */
export type FetchLine = DownloadEvent & { readonly digest: Digest };

export async function fetchBlobsMain(args: string[]): Promise<void> {
  await answer<object, true>(args, async () => {
    const request = JSON.parse(await text(process.stdin)) as FetchRequest; // our own daemon wrote it
    await fetchAll(request);
    return true;
  });
}

async function fetchAll(request: FetchRequest): Promise<void> {
  const { contentRoot, registry, path, blobs, parallel, attempts, replace = false } = request;
  const content = new ContentStore(contentRoot);
  const client = new RegistryClient({ ...registry, keepAlive: true });
  await inParallel(blobs, parallel, async (blob, signal) => {
    const { digest } = blob;
    const tell = (event: DownloadEvent): void => tellCaller({ ...event, digest } satisfies FetchLine);
    await download(content, { client, path, blob, attempts, replace }, tell, signal);
  });
}
