import type { TarEntry, TarSink } from "../../lib/tar/entry.ts";
import { digestText } from "./file-digest.ts";

const zeros = Buffer.alloc(1 << 20);

/** Feeds a hash with what makes a file what it is: for regular files, the digest of their bytes too. */
export class DigestSink implements TarSink {
  readonly #hasher: Bun.CryptoHasher;
  #content: Bun.CryptoHasher | null = null;

  constructor(hasher: Bun.CryptoHasher) {
    this.#hasher = hasher;
  }

  entry(entry: TarEntry): void {
    this.#hasher.update(digestText(entry));
    this.#content = entry.type === "file" ? new Bun.CryptoHasher("sha256") : null;
  }

  data(bytes: Uint8Array): void {
    this.#content?.update(bytes);
  }

  hole(length: number): void {
    for (let left = length; left > 0; left -= zeros.length)
      this.#content?.update(zeros.subarray(0, Math.min(left, zeros.length)));
  }

  end(): void {
    this.#hasher.update(`${this.#content?.digest("hex") ?? ""}\n`);
    this.#content = null;
  }
}
