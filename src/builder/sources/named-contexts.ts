/** `--build-context NAME=…`: images, and files from the client or from an address, each fetched once and when it is needed. */
import { mkdtempSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../../lib/digest.ts";
import { invalidArgument, notFound } from "../../lib/errors.ts";
import { readIgnoreFile } from "../../lib/ignore/ignore-file.ts";
import type { Operation } from "../../lib/operation.ts";
import type { Platform } from "../../lib/platform.ts";
import { formatReference, parseReference, withDefaultTag } from "../../lib/reference.ts";
import { withoutCredentials } from "../../lib/url-credentials.ts";
import type { BuildImages } from "../base-images.ts";
import type { BuildRequest } from "../builder.ts";
import type { BaseImage, NamedContext } from "../dockerfile/plan/options.ts";
import type { ReceivedFiles } from "../request-sources.ts";
import type { Source } from "../solver/input-roots.ts";
import { parseLayoutAddress } from "./layouts.ts";
import { fetchRemote, isRemote, type RemoteParts } from "./remote-files.ts";

type Request = Pick<BuildRequest, "namedContexts" | "clientFiles" | "secrets" | "ssh">;

/** What named contexts are made with. */
export interface NamedParts extends RemoteParts {
  /** Where files may lie while the build goes on. */
  readonly directory: string;
  discard(directory: string): void;
}

const all = { include: [], exclude: [], follow: [] };

export class NamedContexts implements AsyncDisposable {
  readonly #parts: NamedParts;
  readonly #request: Request;
  readonly #addresses: ReadonlyMap<string, string>;
  readonly #files = new Map<string, Promise<Source>>();
  readonly #received: ReceivedFiles[] = [];
  readonly #directories: string[] = [];
  readonly #op: Operation;

  constructor(parts: NamedParts, request: Request, op: Operation) {
    this.#parts = parts;
    this.#request = request;
    this.#addresses = new Map([...request.namedContexts].map(([name, address]) => [keyOf(name), address]));
    this.#op = op;
    for (const [name, address] of this.#addresses) if (!isKnown(address)) throw unknown(name, address);
  }

  /** As the plan wants them. */
  planned(images: BuildImages): ReadonlyMap<string, NamedContext> {
    return new Map(
      [...this.#addresses].map(([name, address]): [string, NamedContext] => {
        const layout = parseLayoutAddress(address);
        if (layout !== null)
          return [name, { kind: "image", resolve: (platform) => this.#inLayout(images, name, layout, platform) }];
        const reference = /^docker-image:\/\/(.*)$/is.exec(address)?.[1];
        if (reference === undefined) return [name, { kind: "files" }];
        const full = formatReference(withDefaultTag(parseReference(reference)));
        return [name, { kind: "image", resolve: (platform) => images.resolve(full, platform) }];
      }),
    );
  }

  async #inLayout(
    images: BuildImages,
    name: string,
    { store, digest }: { readonly store: string; readonly digest: Digest },
    platform: Platform,
  ): Promise<BaseImage> {
    const blobs = this.#request.clientFiles?.layout?.(store);
    if (!blobs)
      throw invalidArgument(`named context ${name} is in an OCI layout of the client, which has none to give`);
    return await images.resolveLayout({ name, blobs, digest }, platform);
  }

  /** The files of one that is no image. */
  source(name: string): Promise<Source> {
    const known = this.#files.get(name) ?? this.#fetch(name);
    this.#files.set(name, known);
    return known;
  }

  async #fetch(name: string): Promise<Source> {
    const address = this.#addresses.get(name);
    if (address === undefined) throw notFound(`named context ${name} is not given`);
    const local = /^local:(.*)$/s.exec(address)?.[1];
    if (local !== undefined) return { kind: "directory", path: await this.#fromClient(local) };
    const access = { ...this.#request, keepsGitDirectory: false };
    const directory = mkdtempSync(join(this.#parts.directory, "named-"));
    this.#directories.push(directory);
    const { root } = await fetchRemote(this.#parts, address, access, directory, this.#op);
    return { kind: "directory", path: root };
  }

  /** What its own .dockerignore leaves out does not come. */
  async #fromClient(name: string): Promise<string> {
    const { clientFiles } = this.#request;
    if (clientFiles === null)
      throw invalidArgument(`named context ${name} is the client's, which has no files to give`);
    const exclude = await this.#ignored(name);
    const files = await clientFiles.receive(name, { ...all, exclude }, this.#op);
    this.#received.push(files);
    return files.root;
  }

  async #ignored(name: string): Promise<readonly string[]> {
    await using only = await this.#request.clientFiles!.receive(name, { ...all, include: [".dockerignore"] }, this.#op);
    const text = await readFile(join(only.root, ".dockerignore"), "utf8").catch(() => "");
    return readIgnoreFile(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#files.values());
    for (const files of this.#received) await files[Symbol.asyncDispose]();
    for (const directory of this.#directories) this.#parts.discard(directory);
  }
}

/** Named contexts stand in for images by their familiar names, of which `latest` is no part. */
const keyOf = (name: string): string => name.toLowerCase().replace(/:latest$/, "");

const isKnown = (address: string): boolean =>
  /^(docker-image:\/\/|oci-layout:\/\/|local:)/i.test(address) || isRemote(address);

const unknown = (name: string, address: string): Error =>
  invalidArgument(`unsupported context source ${withoutCredentials(address)} for ${name}`);
