import type { TarEntry, TarSink } from "../../lib/tar/entry.ts";
import { digestText } from "./file-digest.ts";

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
    this.#content?.update(`hole ${length}`);
  }

  end(): void {
    this.#hasher.update(`${this.#content?.digest("hex") ?? ""}\n`);
    this.#content = null;
  }
}
