/** Digests of parts of one tree, as long as its list is the same: a small file beside the list, which goes when that changes. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** Of a tree with more questions than this, the next one begins anew. */
const mostKnown = 200;

export class KnownDigests {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Null for what nobody has asked. */
  get(asked: string): string | null {
    return this.#read().get(asked) ?? null;
  }

  add(asked: string, digest: string): void {
    const known = this.#read();
    if (known.size >= mostKnown) known.clear();
    writeFileSync(`${this.#path}.new`, JSON.stringify([...known.set(asked, digest)]), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }

  #read(): Map<string, string> {
    try {
      return new Map(JSON.parse(readFileSync(this.#path, "utf8")) as [string, string][]);
    } catch {
      return new Map();
    }
  }
}
