/** Sending a list: blobs borrowed from the images' repositories, the images' manifests, then the list itself. */
import { type Digest, digestOf } from "../../lib/digest.ts";
import { formatReference, type Reference } from "../../lib/reference.ts";
import { RegistryUploads } from "../../registry/uploads.ts";
import type { Cli } from "../cli.ts";
import { taggedReference } from "../image/reference.ts";
import { blobsOf, type ImageManifest } from "./image-manifest.ts";
import { listText } from "./list.ts";
import { failureWords, never, registryOptions } from "./registry.ts";

/** Pushes the images as one list, and tells of each part; answers the list's digest. */
export async function pushList(
  cli: Cli,
  target: Reference,
  images: readonly ImageManifest[],
  insecure: boolean,
): Promise<Digest> {
  for (const { ref, descriptor } of images) {
    if (!descriptor.platform?.os || !descriptor.platform.architecture) {
      throw new Error(`manifest ${ref} must have an OS and Architecture to be pushed to a registry`);
    }
  }
  const list = listText(target, images);
  const elsewhere = images
    .map((image) => ({ image, path: taggedReference(image.ref).path }))
    .filter(({ path }) => path !== target.path);
  const sources = [...new Set(elsewhere.map(({ path }) => path))];
  const uploads = new RegistryUploads(await registryOptions(cli, target, { insecure }), target.path, sources);
  const shown = formatReference(target);
  for (const { image, path } of elsewhere) {
    for (const blob of blobsOf(image)) await mount(uploads, { blob, path, shown, os: image.descriptor.platform?.os });
  }
  const put = (reference: string, bytes: Uint8Array, mediaType: string, name: string): Promise<Digest> =>
    uploads.manifest(reference, bytes, mediaType, never).catch((error: unknown) => {
      throw new Error(`failed to put manifest ${name}: ${failureWords(error)}`, { cause: error });
    });
  for (const { image } of elsewhere) {
    const { digest, mediaType } = image.descriptor;
    const name = formatReference({ ...target, tag: null, digest });
    cli.out(`Pushed ref ${name} with digest: ${await put(digest, image.bytes, mediaType, name)}\n`);
  }
  return put(target.tag ?? digestOf(list.text), Buffer.from(list.text), list.mediaType, shown);
}

interface Borrowed {
  readonly blob: Digest;
  /** The repository that has it. */
  readonly path: string;
  /** The list's name. */
  readonly shown: string;
  readonly os: string | undefined;
}

async function mount(uploads: RegistryUploads, { blob, path, shown, os }: Borrowed): Promise<void> {
  const begun = await uploads.mount(blob, path, never).catch((error: unknown) => {
    throw new Error(`failed to mount blob ${path}@${blob} to ${shown}: ${failureWords(error)}`, { cause: error });
  });
  if (begun === null) return;
  await uploads.cancel(begun, never);
  // The base layers of Windows are never in a registry.
  if (os !== "windows") throw new Error(`error mounting ${path}@${blob} to ${shown}`);
}
