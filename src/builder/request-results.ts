/** What a build is to leave besides its steps in the cache. */
import type { Writable } from "node:stream";

/** Rights that a Dockerfile has only by the caller's word (`--allow`). */
export type Grant = "network.host" | "security.insecure" | "device";

/** Attributes as BuildKit names them: `compression`, `oci-mediatypes`, `rewrite-timestamp`, `annotation.*`, … */
export type Attributes = Readonly<Record<string, string>>;

export type Output =
  /** In the engine's store under `BuildRequest.names`, and pushed where `push` says so. */
  | { readonly type: "image"; readonly push: boolean; readonly attributes: Attributes }
  /** One archive: a root file system (`tar`), an OCI layout, or what `docker save` writes; ends or destroys what it opened. */
  | {
      readonly type: "tar" | "oci" | "docker";
      readonly attributes: Attributes;
      open(): Promise<Writable>;
    }
  /** The files of the target's root, one by one. */
  | { readonly type: "local"; readonly attributes: Attributes; receive(root: string): Promise<void> };

/** `--attest type=sbom,…`, `--provenance`. */
export interface Attestation {
  readonly type: "sbom" | "provenance";
  readonly attributes: Attributes;
}

/** `--cache-from` and `--cache-to`: `inline`, `registry`, `local`, … */
export interface CacheTransfer {
  readonly type: string;
  readonly attributes: Attributes;
}
