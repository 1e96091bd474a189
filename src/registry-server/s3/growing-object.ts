/**
 * An object that grows, which S3 has not: parts of a multipart upload, and what is too short for one. A small document beside it says what
 * counts, and is put anew after each step; what a death leaves of a step is overwritten by the next.
 *
 *     PATH.session        the document
 *     PATH.tail-N         bytes behind the last part
 *     PATH                the whole, once it is sealed
 */
import * as v from "valibot";
import { failPoint } from "../../lib/fail-point.ts";
import { parseJson } from "../../lib/json.ts";
import type { Appender, Storage } from "../storage.ts";
import type { Multipart } from "./multipart.ts";

/** Bytes of a part. S3 wants 5 MiB, and no more than 10,000 parts: each thousand are twice as long as those before. */
const partBytes = (parts: number): number => (8 << 20) * 2 ** Math.floor(parts / 1000);

const Session = v.object({
  /** Null until there is a part. */
  uploadId: v.nullable(v.string()),
  parts: v.array(v.object({ etag: v.string(), size: v.number() })),
  /** Which object has the bytes behind the parts; null for none. */
  tail: v.nullable(v.object({ number: v.number(), size: v.number() })),
});
type Session = v.InferOutput<typeof Session>;

export const sessionPath = (path: string): string => `${path}.session`;

/** What a document says; throws for one that is none. */
export const parseSession = (bytes: Uint8Array): Session =>
  v.parse(Session, parseJson(Buffer.from(bytes).toString("utf8")));

/** What a growing object is kept in. */
export interface GrowingStore {
  readonly storage: Storage;
  readonly multipart: Multipart;
  key(path: string): string;
}

export class GrowingObject implements Appender {
  readonly #store: GrowingStore;
  readonly #path: string;
  #session: Session;
  /** What is behind the parts, and room for the rest of the next one; null when it has not been read yet. */
  #tail: Buffer | null = null;
  #tailSize: number;
  #tailNumber: number;
  /** True when the tail holds bytes that are nowhere else. */
  #isDirty = false;

  private constructor(store: GrowingStore, path: string, session: Session) {
    this.#store = store;
    this.#path = path;
    this.#session = session;
    this.#tailSize = session.tail?.size ?? 0;
    this.#tailNumber = session.tail?.number ?? 0;
  }

  static async open(store: GrowingStore, path: string): Promise<GrowingObject> {
    const document = await store.storage.read(sessionPath(path));
    return new GrowingObject(
      store,
      path,
      document ? parseSession(document) : { uploadId: null, parts: [], tail: null },
    );
  }

  get size(): number {
    return this.#session.parts.reduce((sum, { size }) => sum + size, this.#tailSize);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const tail = this.#tail ?? (await this.#readTail());
      const taken = bytes.subarray(at, at + tail.length - this.#tailSize);
      tail.set(taken, this.#tailSize);
      this.#tailSize += taken.length;
      at += taken.length;
      this.#isDirty = true;
      if (this.#tailSize < tail.length) continue;
      // What a store does not take now it is not asked to take again on the way out.
      this.#isDirty = false;
      await this.#putPart();
    }
  }

  async seal(): Promise<void> {
    const { size } = this;
    const isThere = async (): Promise<boolean> => (await this.#store.storage.size(this.#path)) === size;
    if (this.#session.parts.length === 0) {
      await this.#store.storage.write(this.#path, await this.#tailBytes());
    } else {
      // Sealed before, by a process that died of something afterwards.
      if (await isThere()) return;
      const etags = this.#session.parts.map(({ etag }) => etag);
      if (this.#tailSize > 0) etags.push(await this.#sendTail());
      await this.#store.multipart.complete(this.#key, this.#session.uploadId ?? "", etags, isThere);
      failPoint("registry.s3.completed");
    }
    this.#isDirty = false;
  }

  /** What was written is kept, for whoever goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isDirty) return;
    const number = this.#tailNumber + 1;
    const bytes = await this.#tailBytes();
    await this.#store.storage.write(this.#tailPath(number), bytes);
    failPoint("registry.s3.tail");
    await this.#note({ ...this.#session, tail: { number, size: bytes.length } });
  }

  async #putPart(): Promise<void> {
    this.#session = { ...this.#session, uploadId: this.#session.uploadId ?? (await this.#begin()) };
    const part = { etag: await this.#sendTail(), size: this.#tailSize };
    failPoint("registry.s3.part");
    await this.#note({ ...this.#session, parts: [...this.#session.parts, part], tail: null });
    this.#tailSize = 0;
    if (this.#tail?.length !== partBytes(this.#session.parts.length)) this.#tail = null;
  }

  /** The upload's id is noted before it has parts, so that whoever gives this object up can give them up too. */
  async #begin(): Promise<string> {
    const uploadId = await this.#store.multipart.begin(this.#key);
    failPoint("registry.s3.begun");
    await this.#store.storage.write(sessionPath(this.#path), JSON.stringify({ ...this.#session, uploadId }));
    return uploadId;
  }

  async #sendTail(): Promise<string> {
    const { uploadId, parts } = this.#session;
    const bytes = await this.#tailBytes();
    return this.#store.multipart.put(this.#key, uploadId ?? "", parts.length + 1, bytes);
  }

  /** From here on that is what counts; the tail of before is not needed. */
  async #note(session: Session): Promise<void> {
    const { tail } = this.#session;
    await this.#store.storage.write(sessionPath(this.#path), JSON.stringify(session));
    failPoint("registry.s3.noted");
    this.#session = session;
    this.#tailNumber = session.tail?.number ?? this.#tailNumber;
    this.#isDirty = false;
    if (tail) await this.#store.storage.remove(this.#tailPath(tail.number));
  }

  async #tailBytes(): Promise<Buffer> {
    return (this.#tail ?? (await this.#readTail())).subarray(0, this.#tailSize);
  }

  async #readTail(): Promise<Buffer> {
    const { tail, parts } = this.#session;
    const room = Buffer.allocUnsafe(partBytes(parts.length));
    const bytes = tail && (await this.#store.storage.read(this.#tailPath(tail.number)));
    if (tail && bytes?.length !== tail.size)
      throw new Error(`${this.#tailPath(tail.number)} is not what was put there`);
    bytes?.copy(room);
    this.#tail = room;
    return room;
  }

  get #key(): string {
    return this.#store.key(this.#path);
  }

  #tailPath(number: number): string {
    return `${this.#path}.tail-${number}`;
  }
}
