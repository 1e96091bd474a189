/** The daemon's view of blobs that a helper downloads: which have begun, which are whole. */
import { closeSync, openSync } from "node:fs";
import { Readable } from "node:stream";
import type { ContentStore } from "../content/content-store.ts";
import { runHelper } from "../helper/helper-process.ts";
import type { Digest } from "../lib/digest.ts";
import type { RegistryOptions } from "../registry/transport.ts";
import type { GrowingFile } from "../snapshots/snapshotter.ts";
import type { DownloadEvent } from "./download.ts";
import type { FetchLine, FetchRequest } from "./fetch-helper.ts";
import type { Descriptor } from "./manifest.ts";

/** Where a layer's bytes are: whole in a file, or still coming. */
export interface LayerSource {
  /** Settles once the bytes can be read; rejects when they will not come. */
  open(layer: Descriptor): Promise<Disposable & { readonly body: string | GrowingFile }>;
  /** Settles once the blob is verified and in the store. */
  whole(layer: Descriptor): Promise<void>;
}

export interface Download extends LayerSource {
  /** Settles when the helper has ended, with its error if it failed. */
  readonly ended: Promise<void>;
}

/** Runs a helper that downloads blobs; `onLine` is told of each step. */
export async function fetchBlobs(
  request: FetchRequest,
  onLine: (line: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  await runHelper<true>("fetch-blobs", {}, Readable.from([JSON.stringify(request)]), signal, { onLine });
}

/** Starts the download of those of `blobs` that are not in the store. */
export function startDownload(
  content: ContentStore,
  registry: RegistryOptions,
  path: string,
  blobs: readonly Descriptor[],
  limits: Pick<FetchRequest, "parallel" | "attempts">,
  tell: (blob: Descriptor, event: DownloadEvent) => void,
  signal: AbortSignal,
): Download {
  const missing = new Map<Digest, Descriptor>();
  for (const blob of blobs) if (!content.has(blob.digest)) missing.set(blob.digest, blob);
  const begun = new Map([...missing.keys()].map((digest) => [digest, Promise.withResolvers<void>()]));
  const onLine = (line: unknown): void => {
    const event = line as FetchLine; // our own helper wrote it
    const blob = missing.get(event.digest);
    if (!blob) return;
    if (event.event === "started" || event.event === "complete") begun.get(event.digest)?.resolve();
    if (event.event === "complete") whole.get(event.digest)?.resolve();
    tell(blob, event);
  };
  const whole = new Map([...missing.keys()].map((digest) => [digest, Promise.withResolvers<void>()]));
  const ended = fetchMissing();
  const settle = (error?: unknown): void => {
    for (const { promise, resolve, reject } of [...begun.values(), ...whole.values()]) {
      promise.catch(() => {});
      if (error === undefined) resolve();
      else reject(error);
    }
  };
  ended.then(() => settle(), settle);

  async function fetchMissing(): Promise<void> {
    if (missing.size === 0) return;
    const request: FetchRequest = {
      contentRoot: content.root,
      registry,
      path,
      blobs: [...missing.values()],
      ...limits,
    };
    await fetchBlobs(request, onLine, signal);
  }

  return {
    ended,
    whole: async ({ digest }) => await whole.get(digest)?.promise,
    async open({ digest }) {
      await begun.get(digest)?.promise;
      const stored = { body: content.path(digest), [Symbol.dispose]: () => {} };
      if (content.has(digest)) return stored;
      let fd: number;
      try {
        fd = openSync(content.partialPath(digest), "r");
      } catch {
        await whole.get(digest)?.promise; // it became whole, or its download failed, between the two looks
        return stored;
      }
      const complete = whole.get(digest)?.promise ?? Promise.resolve();
      return { body: { fd, complete }, [Symbol.dispose]: () => closeSync(fd) };
    },
  };
}
