/**
 * Storage in a bucket of an S3-compatible store, through Bun's client. Directories are what keys begin with. One registry at a time may
 * use a prefix: what clients were told of is known in its memory alone.
 */
import { S3Client } from "bun";
import type { Appender, Storage, StorageUnavailable } from "../storage.ts";
import { absent, attempted } from "./attempts.ts";
import { GrowingObject, type GrowingStore, parseSession, sessionPath } from "./growing-object.ts";
import { Multipart, type S3Options } from "./multipart.ts";

/** Bytes of one request of a long read. */
const pieceBytes = 4 << 20;
/** Requests of one removal that are under way at once. */
const removalsAtOnce = 16;

export class S3Storage implements Storage {
  readonly #client: S3Client;
  readonly #multipart: Multipart;
  readonly #prefix: string;
  readonly #maxPage: number;
  readonly #growing: GrowingStore;

  constructor(options: S3Options) {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey, sessionToken, prefix } = options;
    this.#client = new S3Client({
      endpoint: endpoint.origin,
      bucket,
      region,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === null ? {} : { sessionToken }),
    });
    this.#multipart = new Multipart(options);
    this.#prefix = prefix;
    this.#maxPage = options.maxPage ?? 1000;
    this.#growing = { storage: this, multipart: this.#multipart, key: (path) => this.#key(path) };
  }

  async read(path: string): Promise<Buffer | null> {
    const bytes = await absent(`S3 GET ${path}`, () => this.#client.file(this.#key(path)).bytes());
    return bytes && Buffer.from(bytes);
  }

  async write(path: string, bytes: Uint8Array | string): Promise<void> {
    await attempted(`S3 PUT ${path}`, () => this.#client.write(this.#key(path), bytes));
  }

  async size(path: string): Promise<number | null> {
    return (await this.#stat(path))?.size ?? null;
  }

  async modified(path: string): Promise<number | null> {
    const found = (await this.#stat(path)) ?? (await this.#stat(sessionPath(path)));
    return found?.lastModified.getTime() ?? null;
  }

  body(path: string, start: number, end: number): ReadableStream<Uint8Array> {
    const piece = (from: number): Promise<Uint8Array> | null => {
      if (from >= end) return null;
      const to = Math.min(from + pieceBytes, end);
      const bytes = attempted(`S3 GET ${path}`, () => this.#client.file(this.#key(path)).slice(from, to).bytes());
      // Thrown where it is waited for.
      bytes.catch(() => {});
      return bytes;
    };
    let at = start;
    let next = piece(at);
    return new ReadableStream<Uint8Array>(
      {
        // One piece is fetched while the one before it is sent.
        async pull(controller) {
          const bytes = await next;
          if (bytes === null) return controller.close();
          at += bytes.length;
          next = piece(at);
          controller.enqueue(bytes);
        },
      },
      { highWaterMark: 0 },
    );
  }

  async list(path: string): Promise<string[]> {
    const prefix = `${this.#key(path).replace(/\/$/, "")}/`;
    const names: string[] = [];
    for await (const page of this.#pages(prefix, "/")) {
      for (const one of page.commonPrefixes ?? []) names.push(one.prefix.slice(prefix.length, -1));
      for (const { key } of page.contents ?? []) names.push(key.slice(prefix.length));
    }
    return names.sort();
  }

  async remove(path: string): Promise<void> {
    const keys = [this.#key(path)];
    for await (const { contents = [] } of this.#pages(`${this.#key(path)}/`, null)) {
      for (const { key } of contents) keys.push(key);
    }
    for (let at = 0; at < keys.length; at += removalsAtOnce) {
      await Promise.all(keys.slice(at, at + removalsAtOnce).map((key) => this.#removeKey(key)));
    }
  }

  /** A directory that holds nothing is none here. */
  async prune(): Promise<void> {}

  async move(from: string, to: string): Promise<void> {
    const size = await this.size(from);
    if (size === null) throw new Error(`${from} is not there`);
    await this.#multipart.copy(this.#key(from), this.#key(to), size);
  }

  append(path: string): Promise<Appender> {
    return GrowingObject.open(this.#growing, path);
  }

  /** Nothing is left behind but multipart uploads without a part, which take no room. */
  async sweep(): Promise<void> {}

  /** Throws {@link StorageUnavailable} where the store does not let us in. */
  async check(): Promise<void> {
    await attempted("S3 LIST", () => this.#client.list({ prefix: this.#prefix, maxKeys: 1 }));
    await this.read("dhow-registry");
  }

  #stat(path: string): Promise<{ size: number; lastModified: Date } | null> {
    return absent(`S3 HEAD ${path}`, () => this.#client.stat(this.#key(path)));
  }

  async *#pages(prefix: string, delimiter: string | null): AsyncGenerator<Awaited<ReturnType<S3Client["list"]>>> {
    let from: { continuationToken?: string } | null = {};
    while (from) {
      const asked = { prefix, maxKeys: this.#maxPage, ...(delimiter === null ? {} : { delimiter }), ...from };
      const page: Awaited<ReturnType<S3Client["list"]>> = await attempted(`S3 LIST ${prefix}`, () =>
        this.#client.list(asked),
      );
      yield page;
      from = page.isTruncated && page.nextContinuationToken ? { continuationToken: page.nextContinuationToken } : null;
    }
  }

  /** What has grown is given up with the document that knows its parts. */
  async #removeKey(key: string): Promise<void> {
    const whole = sessionPath("");
    if (key.endsWith(whole)) {
      const document = await this.read(key.slice(this.#prefix.length));
      const uploadId = document && parseSession(document).uploadId;
      if (uploadId) await this.#multipart.abort(key.slice(0, -whole.length), uploadId);
    }
    await attempted(`S3 DELETE ${key}`, () => this.#client.delete(key));
  }

  #key(path: string): string {
    return `${this.#prefix}${path}`;
  }
}
