/**
 * Reads every blob again and holds it against its digest, while the registry is in use: disks forget. One that is not what its name says
 * is set aside, so that nobody is given it, and whoever pushes it again is not told that it is there.
 */
import { type Digest, hexOf } from "../lib/digest.ts";
import { pause } from "../lib/pause.ts";
import type { Blobs } from "./blobs.ts";

/** What one round found. */
export interface Scrubbed {
  readonly blobs: number;
  readonly spoilt: number;
}

export class Scrubber {
  readonly #blobs: Blobs;

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** One round over all blobs, which takes half of the time at most. Throws what the storage does, where it does not answer. */
  async run(log: (message: string) => void): Promise<Scrubbed> {
    let [blobs, spoilt] = [0, 0];
    for await (const digest of this.#blobs.all()) {
      blobs++;
      if (await this.#isWhole(digest)) continue;
      if (!(await this.#blobs.setAside(digest, async () => !(await this.#isWhole(digest))))) continue;
      log(`scrub: blob ${digest} is not what its digest says, and was set aside: it has to be pushed again`);
      spoilt++;
    }
    return { blobs, spoilt };
  }

  /** True for a blob that has gone, too. */
  async #isWhole(digest: Digest): Promise<boolean> {
    const size = await this.#blobs.size(digest);
    if (size === null) return true;
    const hash = new Bun.CryptoHasher("sha256");
    let from = performance.now();
    for await (const bytes of this.#blobs.bytes(digest, 0, size)) {
      hash.update(bytes);
      await pause(performance.now() - from, new AbortController().signal);
      from = performance.now();
    }
    return hash.digest("hex") === hexOf(digest);
  }
}
