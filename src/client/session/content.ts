/** Directories of blobs on this side, which a builder reads and writes over the session: caches and OCI layouts. */
import { Content, storeIdHeader, writeActions } from "../../api/buildkit/content.ts";
import { isDigest } from "../../lib/digest.ts";
import { bind, type ServerCall } from "../../lib/grpc/server.ts";
import { GrpcError, statusCodes } from "../../lib/grpc/status.ts";
import { type BlobDirectory, type BlobWrite, openBlobDirectory } from "./blob-directory.ts";
import { pieceBytes } from "./send-files.ts";

export interface BlobStore {
  readonly path: string;
  /** The builder may add blobs; those that are there it can never change. */
  readonly isWritable: boolean;
}

/** By the name that the builder asks for. */
export type BlobStores = Readonly<Record<string, BlobStore>>;

export function contentBindings(stores: BlobStores): ReturnType<typeof bind> {
  return bind(Content, {
    Info: async ({ digest }, call) => {
      const { blobs } = storeOf(stores, call);
      return { info: { digest, size: await sizeOf(blobs, digest) } };
    },
    Read: async ({ digest, offset, size }, call) => {
      const { blobs } = storeOf(stores, call);
      const whole = await sizeOf(blobs, digest);
      if (offset > whole) throw new GrpcError(statusCodes.outOfRange, `read past object length ${whole} bytes`);
      const end = size > 0 ? Math.min(whole, offset + size) : whole;
      let at = offset;
      for await (const data of blobs.read(digest, { from: offset, to: end, pieceBytes })) {
        await call.send({ offset: at, data });
        at += data.length;
      }
    },
    Write: async (call) => await receiveBlob(stores, call),
  });
}

function storeOf(
  stores: BlobStores,
  { metadata }: Pick<ServerCall, "metadata">,
): { blobs: BlobDirectory; store: BlobStore } {
  const [id = ""] = metadata.get(storeIdHeader) ?? [];
  const store = Object.hasOwn(stores, id) ? stores[id] : undefined;
  if (store === undefined) throw new GrpcError(statusCodes.notFound, `unknown store ${JSON.stringify(id)}`);
  return { blobs: openBlobDirectory(store.path), store };
}

async function sizeOf(blobs: BlobDirectory, digest: string): Promise<number> {
  if (!isDigest(digest)) throw new GrpcError(statusCodes.invalidArgument, `invalid digest ${JSON.stringify(digest)}`);
  const size = await blobs.size(digest);
  if (size === null) throw new GrpcError(statusCodes.notFound, `content ${digest}: not found`);
  return size;
}

type WriteCall = ServerCall<typeof Content.Write.request.fields, typeof Content.Write.response.fields>;

/** One blob, in order from its beginning; it is there once it was committed, and what was not leaves nothing. */
async function receiveBlob(stores: BlobStores, call: WriteCall): Promise<void> {
  const { blobs, store } = storeOf(stores, call);
  if (!store.isWritable) throw new GrpcError(statusCodes.permissionDenied, `${store.path} is read only`);
  let write: BlobWrite | null = null;
  let expected = "";
  try {
    for await (const request of call.requests) {
      expected ||= request.expected;
      if (expected !== "" && isDigest(expected) && (await blobs.size(expected)) !== null) {
        throw new GrpcError(statusCodes.alreadyExists, `content ${expected}: already exists`);
      }
      write ??= await blobs.write();
      const { action } = request;
      if (action !== writeActions.stat) await append(write, request);
      if (action !== writeActions.commit) {
        await call.send({ action, offset: write.size, total: request.total });
        continue;
      }
      const digest = await commit(write, expected, request.total);
      await call.send({ action, offset: write.size, total: write.size, digest });
      write = null;
      return;
    }
  } finally {
    await write?.abort();
  }
}

async function append(write: BlobWrite, { offset, data }: { offset: number; data: Uint8Array }): Promise<void> {
  if (data.length === 0) return;
  if (offset !== write.size) {
    throw new GrpcError(statusCodes.outOfRange, `write at ${offset}, and ${write.size} bytes are here`);
  }
  await write.append(data);
}

async function commit(write: BlobWrite, expected: string, total: number): Promise<string> {
  if (total > 0 && total !== write.size) {
    throw new GrpcError(statusCodes.failedPrecondition, `unexpected size: ${write.size} bytes instead of ${total}`);
  }
  if (expected !== "" && expected !== write.digest) {
    throw new GrpcError(statusCodes.failedPrecondition, `unexpected digest: ${write.digest} instead of ${expected}`);
  }
  return await write.commit();
}
