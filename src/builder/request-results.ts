/** What a build is to leave besides its steps in the cache. */
import type { Writable } from "node:stream";
import type { Digest } from "../lib/digest.ts";
import type { Operation } from "../lib/operation.ts";

/** Rights that a Dockerfile has only by the caller's word (`--allow`). */
export type Grant = "network.host" | "security.insecure" | "device";

/** Attributes as BuildKit names them: `compression`, `oci-mediatypes`, `rewrite-timestamp`, `annotation.*`, … */
export type Attributes = Readonly<Record<string, string>>;

/** A client's directory of blobs, as an OCI layout has them; its `index.json` is the client's own to write. */
export interface ClientBlobs {
  has(blob: ClientBlob, op: Operation): Promise<boolean>;
  /** The bytes are believed to be the blob's only once they have hashed to its digest. Rejects with `notFound`. */
  read(digest: Digest, op: Operation): Promise<AsyncIterable<Uint8Array>>;
  write(blob: ClientBlob, bytes: AsyncIterable<Uint8Array>, op: Operation): Promise<void>;
}

export interface ClientBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export type Output =
  /** In the engine's store under `BuildRequest.names`, and pushed where `push` says so. */
  | { readonly type: "image"; readonly push: boolean; readonly attributes: Attributes }
  /** One archive: a root file system (`tar`), an OCI layout, or what `docker save` writes; ends or destroys what it opened. */
  | {
      readonly type: "tar" | "oci" | "docker";
      readonly attributes: Attributes;
      open(): Promise<Writable>;
      /** Where `tar=false` of an OCI layout puts its blobs; absent where the client has no place for them. */
      readonly blobs?: ClientBlobs;
    }
  /** The files of the target's root, one by one; `epoch` is the time that they get, in seconds, where it is not their own. */
  | {
      readonly type: "local";
      readonly attributes: Attributes;
      receive(directory: { readonly root: string; readonly epoch: number | null }): Promise<void>;
    };

/** What a build is for where nobody says anything. */
export const inStore: Output = { type: "image", push: false, attributes: {} };

/** `--attest type=sbom,…`, `--provenance`. */
export interface Attestation {
  readonly type: "sbom" | "provenance";
  readonly attributes: Attributes;
}

/** `--cache-from` and `--cache-to`: `inline`, `registry`, `local`, … */
export interface CacheTransfer {
  readonly type: string;
  readonly attributes: Attributes;
  /** The client's directory, of `local`. What is imported from it is the manifest of the attribute `digest`. */
  readonly blobs?: ClientBlobs;
}
