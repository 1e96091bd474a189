/** The registry that a cache stands before: one client for each repository, because a token is for one. */
import type { Digest } from "../../lib/digest.ts";
import { DhowError, isKind, messageOf } from "../../lib/errors.ts";
import { RegistryAway } from "../../registry/away.ts";
import { RegistryClient } from "../../registry/client.ts";
import { Failure, type FailureCode } from "../failure.ts";
import type { RepositoryName } from "../layout.ts";
import { maxManifestSize } from "../manifest.ts";

export interface UpstreamOptions {
  /** Scheme, host and port. */
  readonly url: URL;
  /** Null asks as nobody. */
  readonly credentials: { readonly username: string; readonly password: string } | null;
  /** True takes any certificate. */
  readonly insecure: boolean;
}

/** Time for an answer that is no blob. */
const answerMs = 20_000;
/** Longest silence in the middle of a blob. */
const silenceMs = 60_000;
/** Most clients that are kept; each holds a token. */
const maxClients = 256;

const hubHosts = ["registry-1.docker.io", "index.docker.io", "docker.io"];

/** The hosts that a registry goes by. */
export const namesOf = ({ host }: URL): readonly string[] => (hubHosts.includes(host) ? hubHosts : [host]);

/** A blob on its way from upstream. */
export interface IncomingBlob {
  /** Bytes that will come; null when upstream does not say. */
  readonly length: number | null;
  /** Throws when upstream stops short or is silent for too long. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #isHub: boolean;
  readonly #clients = new Map<RepositoryName, RegistryClient>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#isHub = hubHosts.includes(options.url.host);
  }

  /** What upstream says that a tag leads to; null when it does not say. */
  tagged(name: RepositoryName, tag: string): Promise<Digest | null> {
    return this.#client(name).tagged(this.#path(name), tag, AbortSignal.timeout(answerMs));
  }

  /** Bytes that are those of the digest they come with. */
  manifest(name: RepositoryName, reference: string): ReturnType<RegistryClient["manifest"]> {
    return this.#client(name).manifest(this.#path(name), reference, maxManifestSize, AbortSignal.timeout(answerMs));
  }

  tags(name: RepositoryName): Promise<string[]> {
    return this.#client(name).tags(this.#path(name), AbortSignal.timeout(answerMs));
  }

  referrers(name: RepositoryName, digest: Digest, query: string): Promise<Buffer> {
    const signal = AbortSignal.timeout(answerMs);
    return this.#client(name).referrers(this.#path(name), digest, query, maxManifestSize, signal);
  }

  blobSize(name: RepositoryName, digest: Digest): Promise<number | null> {
    return this.#client(name).blobSize(this.#path(name), digest, AbortSignal.timeout(answerMs));
  }

  async blob(name: RepositoryName, digest: Digest): Promise<IncomingBlob> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error("upstream is silent")), silenceMs);
    try {
      const { body, length } = await this.#client(name).blob(this.#path(name), digest, 0, silence.signal);
      return { length, bytes: watched(body, timer) };
    } catch (error) {
      clearTimeout(timer);
      throw error;
    }
  }

  #client(name: RepositoryName): RegistryClient {
    const known = this.#clients.get(name);
    // The one that was used last is the last to go.
    this.#clients.delete(name);
    const client = known ?? this.#newClient();
    this.#clients.set(name, client);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > maxClients && oldest !== undefined) this.#clients.delete(oldest);
    return client;
  }

  #newClient(): RegistryClient {
    const { url, credentials, insecure } = this.#options;
    const none = { auth: "", email: "", identitytoken: "", registrytoken: "" };
    const auth = credentials ? { ...none, ...credentials, serveraddress: url.host } : undefined;
    const where = this.#isHub ? { domain: "docker.io" } : { domain: url.host, mirror: url.origin };
    return new RegistryClient({ ...where, auth, insecure: insecure ? [url.host] : [], attempts: 1, keepAlive: true });
  }

  /** What a repository is called at upstream: Docker Hub's own have `library/` before their names. */
  #path(name: RepositoryName): string {
    return this.#isHub && !name.includes("/") ? `library/${name}` : name;
  }
}

/** True when upstream said neither yes nor no. */
export function isAway(error: unknown): boolean {
  if (error instanceof Failure) return false;
  return error instanceof RegistryAway || !(error instanceof DhowError) || error.kind === "canceled";
}

/** What a client of ours is told when upstream does not give what it asks for; `unknown` is the code for what is not there. */
export function refusalOf(error: unknown, unknown: FailureCode): Failure {
  if (error instanceof Failure && error.status >= 500) return error;
  if (isKind(error, "notFound")) return new Failure(unknown, { upstream: error.message });
  if (isKind(error, "unauthorized", "forbidden")) return new Failure("DENIED", { upstream: error.message });
  return new Failure("UNAVAILABLE", { upstream: messageOf(error) });
}

async function* watched(body: AsyncIterable<Uint8Array>, timer: NodeJS.Timeout): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of body) {
      timer.refresh();
      yield bytes;
    }
  } finally {
    clearTimeout(timer);
  }
}
