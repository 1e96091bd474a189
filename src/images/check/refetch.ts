/** Fetching a blob again from where its image came, in the place of one that is missing or altered. */
import { type Digest, parseDigest } from "../../lib/digest.ts";
import { messageOf, notFound } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { familiarRepository, type Reference, repositoryOf } from "../../lib/reference.ts";
import { RegistryClient } from "../../registry/client.ts";
import { mirrorsOf } from "../../registry/mirrors.ts";
import type { RegistryOptions } from "../../registry/transport.ts";
import { fetchBlobs } from "../arrivals.ts";
import type { ImagesConfig } from "../images.ts";
import { type Descriptor, maxManifestSize } from "../manifest.ts";
import type { Shelf } from "../shelf.ts";
import type { ImageCheckRequest } from "./report.ts";

/** What is fetched: manifests and indexes have a route of their own. */
export interface Wanted {
  readonly blob: Descriptor;
  readonly isManifest: boolean;
}

/** The repositories that images were pulled from or pushed to: their names by digest say so. */
export function repositoriesOf({ catalog }: Shelf, images: readonly Digest[]): Reference[] {
  const names = images.flatMap((id) => catalog.namesOf(id)).filter(({ digest }) => digest !== null);
  return [...new Map(names.map((name) => [repositoryOf(name), name])).values()];
}

/** Fetches the blob from the first repository that has it, and says from which; throws what the last one said. */
export async function refetch(
  shelf: Shelf,
  config: ImagesConfig,
  repositories: readonly Reference[],
  wanted: Wanted,
  authFor: ImageCheckRequest["authFor"],
  op: Operation,
): Promise<string> {
  using hold = shelf.hold();
  hold.lease.add(parseDigest(wanted.blob.digest));
  const failures: string[] = [];
  for (const { domain, path } of repositories) {
    const { insecure, mirrors } = config.registry;
    const auth = authFor(domain);
    for (const mirror of [...mirrorsOf(domain, mirrors), undefined]) {
      const registry: RegistryOptions = { domain, insecure, auth, ...(mirror === undefined ? {} : { mirror }) };
      try {
        await fetchFrom(shelf, config, registry, path, wanted, op);
        return `fetched again from ${familiarRepository({ domain, path, tag: null, digest: null })}`;
      } catch (error) {
        op.signal.throwIfAborted();
        failures.push(messageOf(error));
      }
    }
  }
  throw notFound(failures.at(-1) ?? "no registry is known that has it");
}

async function fetchFrom(
  { content }: Shelf,
  config: ImagesConfig,
  registry: RegistryOptions,
  path: string,
  { blob, isManifest }: Wanted,
  op: Operation,
): Promise<void> {
  if (isManifest) {
    const { bytes } = await new RegistryClient(registry).manifest(path, blob.digest, maxManifestSize, op.signal);
    await content.put(bytes);
    return;
  }
  const request = {
    contentRoot: content.root,
    registry,
    path,
    blobs: [blob],
    parallel: 1,
    attempts: config.maxDownloadAttempts,
    replace: true,
  };
  await fetchBlobs(request, () => {}, op.signal);
}
