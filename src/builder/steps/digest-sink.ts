import type { TarEntry, TarSink } from "../../lib/tar/entry.ts";

/** Feeds a hash with what makes a file what it is. */
export class DigestSink implements TarSink {
  readonly #hasher: Bun.CryptoHasher;

  constructor(hasher: Bun.CryptoHasher) {
    this.#hasher = hasher;
  }

  entry({ path, type, linkPath, mode, uid, gid, size, devMajor, devMinor, xattrs }: TarEntry): void {
    const attributes = [...(xattrs ?? [])].map(([name, value]) => [name, value.toString("base64")]).sort();
    const rest = { type, mode, uid, gid, size, devMajor, devMinor, attributes };
    this.#hasher.update(JSON.stringify([path.toString("base64"), linkPath.toString("base64"), rest]));
  }

  data(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  hole(length: number): void {
    this.#hasher.update(`hole ${length}`);
  }

  end(): void {
    this.#hasher.update("end");
  }
}
