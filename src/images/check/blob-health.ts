/** Which blobs are whole, as far as a check of all of them has found out. */
import type { ContentStore } from "../../content/content-store.ts";
import type { Digest } from "../../lib/digest.ts";

export class BlobHealth {
  readonly #content: ContentStore;
  readonly #altered: Map<Digest, string>;

  /** `altered` has what is wrong with the blobs whose bytes are not what their digest says. */
  constructor(content: ContentStore, altered: ReadonlyMap<Digest, string>) {
    this.#content = content;
    this.#altered = new Map(altered);
  }

  /** What is wrong with a blob that should have `size` bytes; `null` for a whole one. */
  problem({ digest, size }: { readonly digest: Digest; readonly size: number }): string | null {
    const found = this.#content.size(digest);
    if (found === null) return "it is missing";
    const altered = this.#altered.get(digest);
    if (altered !== undefined && found < size) return `it is truncated: ${found} of ${size} bytes are there`;
    if (altered !== undefined) return `it is altered: ${altered}`;
    return found === size ? null : `it has ${found} bytes, and who names it says ${size}`;
  }

  /** The blob has been replaced by a whole one. */
  mended(digest: Digest): void {
    this.#altered.delete(digest);
  }
}
