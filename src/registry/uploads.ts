/** The distribution API's push side: blobs by upload sessions that can be gone on with, then manifests (distribution-spec, push). */
import { type Digest, digestOf } from "../lib/digest.ts";
import { dataLoss, isKind, unavailable } from "../lib/errors.ts";
import type { Scope } from "./auth.ts";
import { type RegistryOptions, RegistryTransport } from "./transport.ts";

/** An upload session: where it goes on, and how many bytes are there. */
export interface Upload {
  readonly location: string;
  readonly offset: number;
}

export class RegistryUploads {
  readonly #transport: RegistryTransport;
  readonly #path: string;
  /** What a token for this push allows, with other repositories to take blobs from. */
  readonly #scopes: readonly Scope[];

  /** For one repository. `sources` are others of the same registry. */
  constructor(options: RegistryOptions, path: string, sources: readonly string[] = []) {
    this.#transport = new RegistryTransport(options);
    this.#path = path;
    this.#scopes = [
      { path, actions: "pull,push" },
      ...sources.map((source) => ({ path: source, actions: "pull" }) as const),
    ];
  }

  /** True when the repository has that blob. */
  async has(digest: Digest, signal: AbortSignal): Promise<boolean> {
    try {
      const target = `${this.#path}/blobs/${digest}`;
      await this.#transport.send({ method: "HEAD", target, scopes: this.#scopes }, signal);
      return true;
    } catch (error) {
      if (isKind(error, "notFound")) return false;
      throw error;
    }
  }

  /** Asks for a blob of another repository; null when it is there now, else the session that the registry began instead. */
  mount(digest: Digest, from: string, signal: AbortSignal): Promise<Upload | null> {
    return this.#begin(`?${new URLSearchParams({ mount: digest, from })}`, signal);
  }

  async begin(signal: AbortSignal): Promise<Upload> {
    const begun = await this.#begin("", signal);
    if (!begun) throw unavailable("registry answered 201 to an upload that has not begun");
    return begun;
  }

  /** Gives an upload up; one that is not there any more is given up. */
  async cancel({ location }: Upload, signal: AbortSignal): Promise<void> {
    try {
      const target = new URL(location);
      const response = await this.#transport.send({ method: "DELETE", target, scopes: this.#scopes }, signal);
      await response.body?.cancel();
    } catch (error) {
      if (!isKind(error, "notFound")) throw error;
    }
  }

  /** What arrived of an upload; null when the registry does not know it any more. */
  async status({ location }: Upload, signal: AbortSignal): Promise<Upload | null> {
    try {
      const response = await this.#transport.send({ target: new URL(location), scopes: this.#scopes }, signal);
      await response.body?.cancel();
      const end = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.get("range") ?? "")?.[1];
      // "0-0" is what registries say of none as well as of one: then it begins anew.
      const offset = end === undefined || end === "0" ? 0 : Number(end) + 1;
      return { location: this.#next(response, location), offset };
    } catch (error) {
      if (isKind(error, "canceled")) throw error;
      return null;
    }
  }

  /** Sends bytes from the upload's offset on, in one piece; answers where it goes on. Not repeated, also where credentials had run out ({@link CredentialsRenewed}): look at its status first. */
  async append(upload: Upload, bytes: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<string> {
    const response = await this.#transport.send(
      {
        method: "PATCH",
        target: new URL(upload.location),
        headers: { "content-type": "application/octet-stream" },
        body: () => bytes,
        scopes: this.#scopes,
        repeats: "never",
      },
      signal,
    );
    await response.body?.cancel();
    return this.#next(response, upload.location);
  }

  /** Closes an upload whose bytes are all there. */
  async finish(location: string, digest: Digest, signal: AbortSignal): Promise<void> {
    const target = new URL(location);
    target.searchParams.set("digest", digest);
    const headers = { "content-type": "application/octet-stream", "content-length": "0" };
    const body = () => new Uint8Array(0);
    const response = await this.#transport.send(
      { method: "PUT", target, headers, body, scopes: this.#scopes, repeats: "unheard" },
      signal,
    );
    await response.body?.cancel();
  }

  /** Puts a manifest under a tag or its digest; `dataLoss` when the registry took it for another one. */
  async manifest(reference: string, bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<Digest> {
    const digest = digestOf(bytes);
    const target = `${this.#path}/manifests/${reference}`;
    const headers = { "content-type": mediaType };
    const response = await this.#transport.send(
      { method: "PUT", target, headers, body: () => bytes, scopes: this.#scopes },
      signal,
    );
    await response.body?.cancel();
    const told = response.headers.get("docker-content-digest");
    if (told !== null && told !== digest) throw dataLoss(`registry took manifest ${digest} for ${told}`);
    return digest;
  }

  async #begin(query: string, signal: AbortSignal): Promise<Upload | null> {
    const target = `${this.#path}/blobs/uploads/${query}`;
    const response = await this.#transport.send(
      {
        method: "POST",
        target,
        headers: { "content-length": "0" },
        body: () => new Uint8Array(0),
        scopes: this.#scopes,
      },
      signal,
    );
    await response.body?.cancel();
    return response.status === 201 ? null : { location: this.#next(response, response.url), offset: 0 };
  }

  #next(response: Response, at: string): string {
    const location = response.headers.get("location");
    return location === null ? at : this.#transport.leadsTo(location, new URL(at)).href;
  }
}
