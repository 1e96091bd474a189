/** Compose files of other machines: `oci://host/repository:tag`, and git repositories. */
import { dirname } from "node:path";
import { invalidArgument, unavailable } from "../../lib/errors.ts";
import { readGitReference } from "../../lib/git/reference.ts";
import { noteElsewhere } from "./reads.ts";

/** Fetches one and answers the absolute path of its Compose file; what else it came with lies beside that. */
export type FetchRemote = (resource: string) => Promise<string>;

export const ociPrefix = "oci://";

/** What kind of other machine's file it is; null for one of this machine. An address of a mere file is none: Compose reads none. */
export function remoteKind(path: string): "oci" | "git" | null {
  if (path.startsWith(ociPrefix)) return "oci";
  if (path.startsWith("github.com/")) return "git";
  try {
    return readGitReference(path) === null ? null : "git";
  } catch {
    // One that contradicts itself is told of by who fetches it.
    return "git";
  }
}

export const isRemoteResource = (path: string): boolean => remoteKind(path) !== null;

/** A file of another machine may name the next one; nobody needs as many as this, or as long a chain. */
const mostFiles = 100;
const longestChain = 20;

/**
 * What has been fetched so far. The loader reads without waiting: what it lacks it asks for and goes on; whoever runs it
 * fetches that and lets it begin anew, until nothing is lacking.
 */
export class RemoteFiles {
  readonly #fetch: FetchRemote | undefined;
  readonly #found = new Map<string, string | Error>();
  readonly #lacking = new Set<string>();
  #rounds = 0;

  constructor(fetch: FetchRemote | undefined) {
    this.#fetch = fetch;
  }

  /** The Compose file of a remote resource. Throws why it could not be fetched, or because it is yet to be. */
  locate(resource: string): string {
    noteElsewhere(resource);
    const found = this.#found.get(resource);
    if (found instanceof Error) throw found;
    if (found !== undefined) return found;
    this.#lacking.add(resource);
    throw unavailable(`${resource} is yet to be fetched`);
  }

  /** Whether a directory came with one of them. */
  holds(directory: string): boolean {
    return [...this.#found.values()].some(
      (found) => typeof found === "string" && `${directory}/`.startsWith(`${dirname(found)}/`),
    );
  }

  /** True when what was loaded lacked something, and is to be loaded again. */
  async fetchLacking(): Promise<boolean> {
    const lacking = [...this.#lacking];
    this.#lacking.clear();
    if (lacking.length > 0 && ++this.#rounds > longestChain) {
      throw invalidArgument(
        `more than ${longestChain} Compose files of other machines in a chain, of which ${lacking[0]} is one`,
      );
    }
    if (this.#found.size + lacking.length > mostFiles) {
      throw invalidArgument(
        `more than ${mostFiles} Compose files of other machines: ${lacking[0]} and others are too many`,
      );
    }
    const fetched = lacking.map(async (resource): Promise<void> => {
      this.#found.set(resource, await this.#fetchOne(resource));
    });
    await Promise.all(fetched);
    return lacking.length > 0;
  }

  async #fetchOne(resource: string): Promise<string | Error> {
    if (!this.#fetch) return invalidArgument(`${resource}: Compose files of other machines are not fetched here`);
    try {
      return await this.#fetch(resource);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}
