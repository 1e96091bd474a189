/** What a build asks its client for while it goes; a client that has nothing to give has `noSources`. */
import type { Duplex, Readable } from "node:stream";
import type { AuthConfig } from "../api/system.ts";
import type { Operation } from "../lib/operation.ts";
import type { ClientBlobs } from "./request-results.ts";

/** Where the files come from that COPY takes without `--from`, and the Dockerfile. */
export type MainContext =
  /** A tar, packed or not. */
  | { readonly kind: "archive"; readonly tar: Readable }
  /** The `context` and `dockerfile` of the request's `clientFiles`. */
  | { readonly kind: "client" }
  /** A git repository, or the address of a tar or a Dockerfile. */
  | { readonly kind: "remote"; readonly address: string };

/** By registry, as references name it (`docker.io`, `example.com:5000`). */
export interface Credentials {
  get(registry: string): AuthConfig | undefined | Promise<AuthConfig | undefined>;
}

export interface SecretSource {
  /** Null where the client has no secret of that id. */
  read(id: string, op: Operation): Promise<Uint8Array | null>;
}

export interface SshSource {
  /** Whether the client forwards an agent of that id (`default` where the Dockerfile names none). */
  has(id: string, op: Operation): Promise<boolean>;
  /** A new connection to the agent. */
  connect(id: string, op: Operation): Promise<Duplex>;
}

/** Which files of a client's directory are wanted; patterns as in .dockerignore. */
export interface WantedFiles {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Symbolic links that are followed, and what they lead to sent along. */
  readonly follow: readonly string[];
}

/** A client's files as they stand in a directory here, for as long as it is held. */
export interface ReceivedFiles extends AsyncDisposable {
  readonly root: string;
}

export interface ClientFiles {
  /** `name` is the client's own for one of its directories: `context`, `dockerfile`, or a named context's. */
  receive(name: string, wanted: WantedFiles, op: Operation): Promise<ReceivedFiles>;
  /** One of its OCI layouts, by the client's own name for it; absent where it can have none. */
  layout?(store: string): ClientBlobs;
}

export const noSources: { readonly secrets: SecretSource; readonly ssh: SshSource; readonly clientFiles: null } = {
  secrets: { read: async () => null },
  ssh: {
    has: async () => false,
    connect: async (id) => {
      throw new Error(`no agent ${id} is forwarded`);
    },
  },
  clientFiles: null,
};
