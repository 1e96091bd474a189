/** Blobs of a directory as an OCI layout has them: `blobs/sha256/<hex>`. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf } from "../../lib/digest.ts";

export interface BlobDirectory {
  /** Bytes; null where there is no such blob. */
  size(digest: Digest): Promise<number | null>;
  read(digest: string, range: BlobRange): AsyncGenerator<Uint8Array>;
  /** Begins a new blob: hidden until it is committed. */
  write(): Promise<BlobWrite>;
}

interface BlobRange {
  readonly from: number;
  /** The first byte that is not wanted. */
  readonly to: number;
  readonly pieceBytes: number;
}

export interface BlobWrite {
  readonly size: number;
  /** Of what was written so far. */
  readonly digest: Digest;
  append(bytes: Uint8Array): Promise<void>;
  commit(): Promise<Digest>;
  /** Nothing of it stays. */
  abort(): Promise<void>;
}

export function openBlobDirectory(path: string): BlobDirectory {
  const directory = join(path, "blobs", "sha256");
  const pathOf = (digest: string): string => join(directory, hexOf(digest as Digest));
  return {
    async size(digest) {
      try {
        const found = await stat(pathOf(digest));
        return found.isFile() ? found.size : null;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw error;
      }
    },
    async *read(digest, { from, to, pieceBytes }) {
      const file = await open(pathOf(digest), "r");
      try {
        for (let at = from; at < to; ) {
          const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(pieceBytes, to - at)), 0, undefined, at);
          if (bytesRead === 0) throw new Error(`${pathOf(digest)} became shorter while it was read`);
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await file.close();
      }
    },
    async write() {
      await mkdir(directory, { recursive: true });
      return await startWrite(directory);
    },
  };
}

async function startWrite(directory: string): Promise<BlobWrite> {
  const temporary = join(directory, `.${randomBytes(8).toString("hex")}`);
  const file = await open(temporary, "wx", 0o644);
  const hash = createHash("sha256");
  let size = 0;
  const digest = (): Digest => `sha256:${hash.copy().digest("hex")}`;
  return {
    get size() {
      return size;
    },
    get digest() {
      return digest();
    },
    async append(bytes) {
      for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
      hash.update(bytes);
      size += bytes.length;
    },
    async commit() {
      await file.sync();
      await file.close();
      await rename(temporary, join(directory, hexOf(digest())));
      return digest();
    },
    async abort() {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
}
