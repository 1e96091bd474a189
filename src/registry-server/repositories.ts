/** What belongs to which repository: links to blobs and manifests, tags, referrers. */
import { type Digest, hexOf, isDigest } from "../lib/digest.ts";
import { failPoint } from "../lib/fail-point.ts";
import { type Blobs, digestsIn } from "./blobs.ts";
import type { RepositoryName } from "./layout.ts";
import * as layout from "./layout.ts";
import type { Storage } from "./storage.ts";

/** Links of one directory that are read at once. */
const readsAtOnce = 64;

export class Repositories {
  readonly #storage: Storage;

  constructor(readonly blobs: Blobs) {
    this.#storage = blobs.storage;
  }

  async exists(name: RepositoryName): Promise<boolean> {
    return (await this.#storage.list(layout.manifestsPath(name))).length > 0;
  }

  /** Bytes of a blob that belongs to the repository; null when it does not, whoever else has it. */
  async blobSize(name: RepositoryName, digest: Digest): Promise<number | null> {
    for (const link of [layout.layerLink(name, digest), layout.revisionLink(name, digest)]) {
      const size = await this.blobs.counted(digest, link, async () =>
        (await this.#link(link)) === digest ? this.blobs.size(digest) : null,
      );
      if (size !== null) return size;
    }
    return null;
  }

  async addBlob(name: RepositoryName, digest: Digest): Promise<void> {
    const link = layout.layerLink(name, digest);
    await this.blobs.settled(link);
    await this.#storage.write(link, digest);
  }

  async removeBlob(name: RepositoryName, digest: Digest): Promise<boolean> {
    const link = layout.layerLink(name, digest);
    if ((await this.#link(link)) !== digest) return false;
    await this.unlink(link);
    return true;
  }

  /** Removes a link, and its directory, of which a busy registry would have ever more. */
  async unlink(link: string): Promise<void> {
    await this.#storage.remove(link);
    await this.#storage.prune(directoryOf(link));
  }

  /** A manifest of the repository; null when it has none of that digest. */
  async manifest(name: RepositoryName, digest: Digest): Promise<Buffer | null> {
    return (await this.#link(layout.revisionLink(name, digest))) === digest ? this.blobs.read(digest) : null;
  }

  /** As {@link manifest} for somebody who counts on it from then on. */
  async hasManifest(name: RepositoryName, digest: Digest): Promise<boolean> {
    const link = layout.revisionLink(name, digest);
    return (await this.blobs.counted(digest, link, () => this.#link(link))) === digest;
  }

  /** Puts a manifest and its tags last: whoever finds the tag finds everything. */
  async addManifest(
    name: RepositoryName,
    {
      digest,
      bytes,
      tags,
      subject,
    }: { digest: Digest; bytes: Uint8Array; tags: readonly string[]; subject: Digest | null },
  ): Promise<void> {
    await this.blobs.put(digest, bytes);
    failPoint("registry.manifest.stored");
    const link = layout.revisionLink(name, digest);
    await this.blobs.settled(link);
    await this.#storage.write(link, digest);
    failPoint("registry.manifest.linked");
    if (subject) await this.#storage.write(layout.referrerLink(name, subject, digest), digest);
    failPoint("registry.manifest.referred");
    for (const tag of tags) {
      await this.#storage.write(layout.tagHistoryLink(name, tag, digest), digest);
      failPoint("registry.manifest.noted");
      await this.#storage.write(layout.tagLink(name, tag), digest);
    }
  }

  /** Removes a manifest and the tags that lead to it. */
  async removeManifest(name: RepositoryName, digest: Digest, subject: Digest | null): Promise<void> {
    for (const tag of await this.tags(name)) {
      if ((await this.tagged(name, tag)) === digest) await this.removeTag(name, tag);
    }
    failPoint("registry.remove.untagged");
    if (subject) await this.unlink(layout.referrerLink(name, subject, digest));
    failPoint("registry.remove.unreferred");
    await this.unlink(layout.revisionLink(name, digest));
  }

  tagged(name: RepositoryName, tag: string): Promise<Digest | null> {
    return this.#link(layout.tagLink(name, tag));
  }

  /** Answers whether there was one. */
  async removeTag(name: RepositoryName, tag: string): Promise<boolean> {
    if ((await this.tagged(name, tag)) === null) return false;
    await this.#storage.remove(layout.tagPath(name, tag));
    return true;
  }

  tags(name: RepositoryName): Promise<string[]> {
    return this.#storage.list(layout.tagsPath(name));
  }

  referrers(name: RepositoryName, subject: Digest): Promise<Digest[]> {
    return digestsIn(this.#storage, layout.referrersPath(name, subject));
  }

  /** Blobs that belong to the repository, whether or not their bytes are there. */
  layers(name: RepositoryName): Promise<Digest[]> {
    return this.#linked(layout.layersPath(name));
  }

  /** Manifests of the repository. */
  revisions(name: RepositoryName): Promise<Digest[]> {
    return this.#linked(layout.revisionsPath(name));
  }

  /** Every repository that holds manifests, in the order of a walk. */
  async *all(): AsyncGenerator<RepositoryName> {
    for await (const name of this.everyDirectory()) if (await this.exists(name)) yield name;
  }

  /** Those too that hold uploads or blobs only, and those that lead to others. */
  everyDirectory(): AsyncGenerator<RepositoryName> {
    return this.#below("");
  }

  async *#below(prefix: string): AsyncGenerator<RepositoryName> {
    for (const part of await this.#storage.list(`${layout.repositoriesPath}/${prefix}`)) {
      if (part.startsWith("_")) continue;
      const name = prefix === "" ? part : `${prefix}/${part}`;
      if (!layout.isRepositoryName(name)) continue;
      yield name;
      yield* this.#below(name);
    }
  }

  /** Digests in a directory whose links are there. Where there is none any more the directory goes: registries of old have left them. */
  async #linked(path: string): Promise<Digest[]> {
    const found = await digestsIn(this.#storage, path);
    const linked: Digest[] = [];
    for (let at = 0; at < found.length; at += readsAtOnce) {
      const some = found.slice(at, at + readsAtOnce);
      const links = await Promise.all(some.map((digest) => this.#link(linkIn(path, digest))));
      for (const [index, digest] of some.entries()) {
        if (links[index] === digest) linked.push(digest);
        else if (links[index] === null) await this.#storage.prune(directoryOf(linkIn(path, digest)));
      }
    }
    return linked;
  }

  async #link(path: string): Promise<Digest | null> {
    const text = (await this.#storage.read(path))?.toString("utf8").trim();
    return isDigest(text) ? text : null;
  }
}

const directoryOf = (link: string): string => link.slice(0, link.lastIndexOf("/"));
const linkIn = (path: string, digest: Digest): string => `${path}/${hexOf(digest)}/link`;
