/** What belongs to which repository: links to blobs and manifests, tags, referrers. */
import { type Digest, isDigest } from "../lib/digest.ts";
import type { RepositoryName } from "./layout.ts";
import * as layout from "./layout.ts";
import type { Storage } from "./storage.ts";

export class Repositories {
  constructor(readonly storage: Storage) {}

  async exists(name: RepositoryName): Promise<boolean> {
    return (await this.storage.list(layout.manifestsPath(name))).length > 0;
  }

  /** Bytes of a blob that belongs to the repository; null when it does not, whoever else has it. */
  async blobSize(name: RepositoryName, digest: Digest): Promise<number | null> {
    const linked =
      (await this.#link(layout.layerLink(name, digest))) ?? (await this.#link(layout.revisionLink(name, digest)));
    return linked === digest ? this.storage.size(layout.blobPath(digest)) : null;
  }

  addBlob(name: RepositoryName, digest: Digest): Promise<void> {
    return this.storage.write(layout.layerLink(name, digest), digest);
  }

  async removeBlob(name: RepositoryName, digest: Digest): Promise<boolean> {
    const link = layout.layerLink(name, digest);
    if ((await this.#link(link)) !== digest) return false;
    await this.storage.remove(link);
    return true;
  }

  /** A manifest of the repository; null when it has none of that digest. */
  async manifest(name: RepositoryName, digest: Digest): Promise<Buffer | null> {
    if ((await this.#link(layout.revisionLink(name, digest))) !== digest) return null;
    return this.storage.read(layout.blobPath(digest));
  }

  async hasManifest(name: RepositoryName, digest: Digest): Promise<boolean> {
    return (await this.#link(layout.revisionLink(name, digest))) === digest;
  }

  /** Puts a manifest and, where there is one, its tag last: whoever finds the tag finds everything. */
  async addManifest(
    name: RepositoryName,
    { digest, bytes, tag, subject }: { digest: Digest; bytes: Uint8Array; tag: string | null; subject: Digest | null },
  ): Promise<void> {
    if ((await this.storage.size(layout.blobPath(digest))) !== bytes.length) {
      await this.storage.write(layout.blobPath(digest), bytes);
    }
    await this.storage.write(layout.revisionLink(name, digest), digest);
    if (subject) await this.storage.write(layout.referrerLink(name, subject, digest), digest);
    if (tag === null) return;
    await this.storage.write(layout.tagHistoryLink(name, tag, digest), digest);
    await this.storage.write(layout.tagLink(name, tag), digest);
  }

  /** Removes a manifest and the tags that lead to it. */
  async removeManifest(name: RepositoryName, digest: Digest, subject: Digest | null): Promise<void> {
    for (const tag of await this.tags(name))
      if ((await this.tagged(name, tag)) === digest) await this.removeTag(name, tag);
    if (subject) await this.storage.remove(layout.referrerLink(name, subject, digest));
    await this.storage.remove(layout.revisionLink(name, digest));
  }

  tagged(name: RepositoryName, tag: string): Promise<Digest | null> {
    return this.#link(layout.tagLink(name, tag));
  }

  /** Answers whether there was one. */
  async removeTag(name: RepositoryName, tag: string): Promise<boolean> {
    if ((await this.tagged(name, tag)) === null) return false;
    await this.storage.remove(layout.tagPath(name, tag));
    return true;
  }

  tags(name: RepositoryName): Promise<string[]> {
    return this.storage.list(layout.tagsPath(name));
  }

  async referrers(name: RepositoryName, subject: Digest): Promise<Digest[]> {
    const names = await this.storage.list(layout.referrersPath(name, subject));
    return names.map((hex) => `sha256:${hex}` as const).filter(isDigest);
  }

  /** Every repository that holds manifests, in order. */
  async *all(): AsyncGenerator<RepositoryName> {
    yield* this.#below("");
  }

  async *#below(prefix: string): AsyncGenerator<RepositoryName> {
    for (const part of await this.storage.list(`${layout.repositoriesPath}/${prefix}`)) {
      if (part.startsWith("_")) continue;
      const name = prefix === "" ? part : `${prefix}/${part}`;
      if (!layout.isRepositoryName(name)) continue;
      if (await this.exists(name)) yield name;
      yield* this.#below(name);
    }
  }

  async #link(path: string): Promise<Digest | null> {
    const text = (await this.storage.read(path))?.toString("utf8").trim();
    return isDigest(text) ? text : null;
  }
}
