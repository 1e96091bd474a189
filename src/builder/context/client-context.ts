/** The files of a build that its client sends as they are wanted: the Dockerfile first, then what the plan reads of the context. */
import { IgnoreMatcher } from "../../lib/ignore/ignore.ts";
import { type FoundIgnoreFile, findIgnoreFile } from "../../lib/ignore/ignore-file.ts";
import type { Operation } from "../../lib/operation.ts";
import type { ClientFiles, ReceivedFiles, WantedFiles } from "../request-sources.ts";
import { type BuildFiles, readDockerfile, readText } from "./build-context.ts";

const nothing: WantedFiles = { include: [], exclude: [], follow: [] };

export class ClientContext implements BuildFiles {
  readonly #files: ClientFiles;
  readonly #op: Operation;
  readonly #held = new AsyncDisposableStack();
  readonly #dockerfiles = new Map<string, Promise<ReceivedFiles>>();
  readonly ownDockerfile = null;
  #ignored: Promise<FoundIgnoreFile | null> | undefined;

  constructor(files: ClientFiles, op: Operation) {
    this.#files = files;
    this.#op = op;
  }

  async #receive(name: string, wanted: Partial<WantedFiles>): Promise<ReceivedFiles> {
    return this.#held.use(await this.#files.receive(name, { ...nothing, ...wanted }, this.#op));
  }

  /** The directory that has the Dockerfile, and the ignore file of its own. */
  #beside(name: string): Promise<ReceivedFiles> {
    const known =
      this.#dockerfiles.get(name) ?? this.#receive("dockerfile", { follow: [name, `${name}.dockerignore`] });
    this.#dockerfiles.set(name, known);
    return known;
  }

  async dockerfile(name: string): Promise<Buffer> {
    return readDockerfile((await this.#beside(name)).root, name);
  }

  #ignoreFile(dockerfile: string): Promise<FoundIgnoreFile | null> {
    this.#ignored ??= findIgnoreFile(dockerfile, {
      besideDockerfile: async (path) => readText((await this.#beside(dockerfile)).root, path)?.toString() ?? null,
      inContext: async (path) =>
        readText((await this.#receive("context", { follow: [path] })).root, path)?.toString() ?? null,
    });
    return this.#ignored;
  }

  async ignore(dockerfile: string): Promise<IgnoreMatcher | null> {
    const found = await this.#ignoreFile(dockerfile);
    return found === null ? null : new IgnoreMatcher(found.patterns);
  }

  async gather(paths: readonly string[] | null): Promise<string> {
    const exclude = (await this.#ignored)?.patterns ?? [];
    const follow = (paths ?? []).map((path) => path.replace(/^\/+/, "") || ".");
    return (await this.#receive("context", { exclude, follow: follow.includes(".") ? [] : follow })).root;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }
}
