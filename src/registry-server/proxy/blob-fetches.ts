/** Blobs on their way from upstream into the cache, each once however many ask for it. */
import type { Digest } from "../../lib/digest.ts";
import type { RepositoryName } from "../layout.ts";
import type { Repositories } from "../repositories.ts";
import type { UploadSessions } from "../upload-sessions.ts";
import { LiveCopy } from "./live-copy.ts";
import type { IncomingBlob, Upstream } from "./upstream.ts";

/** Nobody's name: no request can go on with a session of the cache's own. */
const user = "\0upstream";

export class BlobFetches {
  readonly #upstream: Upstream;
  readonly #repositories: Repositories;
  readonly #uploads: UploadSessions;
  readonly #running = new Map<string, Promise<void>>();

  constructor(upstream: Upstream, repositories: Repositories, uploads: UploadSessions) {
    this.#upstream = upstream;
    this.#repositories = repositories;
    this.#uploads = uploads;
  }

  /**
   * Gets a blob. The first who asks is answered at once, with its bytes as they arrive; whoever asks meanwhile, or does not want it `live`,
   * with null when it is stored. Throws what upstream answers instead; `failed` hears once of each blob that does not arrive.
   */
  async get(
    name: RepositoryName,
    digest: Digest,
    { live, failed }: { live: boolean; failed: (error: unknown) => void },
  ): Promise<ReadableStream<Uint8Array> | null> {
    const key = `${name}@${digest}`;
    const running = this.#running.get(key);
    if (running) {
      await running;
      return null;
    }
    const copy = live ? new LiveCopy() : null;
    const opened = Promise.withResolvers<void>();
    const stored = this.#get(name, digest, copy, opened.resolve).finally(() => this.#running.delete(key));
    this.#running.set(key, stored);
    stored.catch(failed);
    // Answered as soon as upstream gives the blob, or as soon as it is clear that it does not.
    if (copy) await Promise.race([opened.promise, stored]);
    else await stored;
    return copy?.stream() ?? null;
  }

  async #get(name: RepositoryName, digest: Digest, copy: LiveCopy | null, opened: () => void): Promise<void> {
    const incoming = await this.#upstream.blob(name, digest);
    opened();
    try {
      const size = await this.#store(name, digest, incoming, copy);
      copy?.stored((from) => this.#repositories.blobs.bytes(digest, from, size));
    } catch (error) {
      copy?.fail(error);
      throw error;
    }
  }

  /** Answers the blob's size. What upstream breaks off, or sends wrong, leaves nothing. */
  async #store(
    name: RepositoryName,
    digest: Digest,
    { bytes, length }: IncomingBlob,
    copy: LiveCopy | null,
  ): Promise<number> {
    const owner = { name, user };
    const id = await this.#uploads.begin(owner);
    try {
      await this.#uploads.append(owner, id, seenBy(copy, bytes), { from: null, length });
      const size = await this.#uploads.finish(owner, id, digest);
      await this.#repositories.addBlob(name, digest);
      return size;
    } catch (error) {
      // Gone already, or collected later.
      await this.#uploads.cancel(owner, id).catch(() => {});
      throw error;
    }
  }
}

async function* seenBy(copy: LiveCopy | null, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const part of bytes) {
    copy?.offer(part);
    yield part;
  }
}
