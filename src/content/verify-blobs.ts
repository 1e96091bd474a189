/** The helper that reads every blob again and tells those whose bytes are not what their name says. */
import { closeSync, openSync, readSync } from "node:fs";
import { answer, runHelper, tellCaller } from "../helper/helper-process.ts";
import type { Digest } from "../lib/digest.ts";
import { messageOf } from "../lib/errors.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { ContentStore } from "./content-store.ts";

/** Most bytes of a blob in memory. */
const chunkSize = 1 << 20;

/** How many bytes are read between two words of progress. */
const tellEveryBytes = 64 << 20;

/** What the helper tells: a blob that is not whole, or how far it is. */
type VerifyLine =
  | { readonly digest: Digest; readonly problem: string }
  | { readonly blobs: number; readonly bytes: number };

interface VerifyRequest {
  readonly contentRoot: string;
}

/** What all blobs came to. */
export interface VerifiedBlobs {
  readonly blobs: number;
  readonly bytes: number;
  /** Those that are not whole, and what is wrong with each. */
  readonly altered: ReadonlyMap<Digest, string>;
}

/** Reads and hashes all blobs of a store, in a helper; blobs that go meanwhile are no finding. */
export async function verifyBlobs(
  contentRoot: string,
  onProgress: (blobs: number, bytes: number) => void,
  signal: AbortSignal,
): Promise<VerifiedBlobs> {
  const altered = new Map<Digest, string>();
  const onLine = (line: unknown): void => {
    const told = line as VerifyLine; // our own helper wrote it
    if ("digest" in told) altered.set(told.digest, told.problem);
    else onProgress(told.blobs, told.bytes);
  };
  const request: VerifyRequest = { contentRoot };
  const total = await runHelper<{ blobs: number; bytes: number }>("verify-blobs", request, null, signal, { onLine });
  return { ...total, altered };
}

/** The helper's side. */
export async function verifyBlobsMain(args: string[]): Promise<void> {
  await answer<VerifyRequest, { blobs: number; bytes: number }>(args, async ({ contentRoot }) => {
    const store = new ContentStore(contentRoot);
    const buffer = Buffer.allocUnsafeSlow(chunkSize);
    let blobs = 0;
    let bytes = 0;
    let told = 0;
    for (const digest of store.walk()) {
      const { size, problem } = verify(store.path(digest), digest, buffer);
      if (problem !== null) tellCaller({ digest, problem } satisfies VerifyLine);
      blobs++;
      bytes += size;
      if (bytes - told < tellEveryBytes) continue;
      told = bytes;
      tellCaller({ blobs, bytes } satisfies VerifyLine);
    }
    return { blobs, bytes };
  });
}

function verify(path: string, digest: Digest, buffer: Buffer): { size: number; problem: string | null } {
  let size = 0;
  let fd = -1;
  try {
    fd = openSync(path, "r");
    const hasher = new Bun.CryptoHasher("sha256");
    for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer)) {
      hasher.update(buffer.subarray(0, length));
      size += length;
    }
    const found = `sha256:${hasher.digest("hex")}`;
    return { size, problem: found === digest ? null : `its ${size} bytes have the digest ${found}` };
  } catch (error) {
    return { size, problem: isErrno(error, "ENOENT") ? null : `it cannot be read: ${messageOf(error)}` };
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
