/** The list itself: an index of images that one name stands for. */
import { goJson } from "../../lib/json-text.ts";
import type { Reference } from "../../lib/reference.ts";
import { dockerList, ociImage, ociIndex } from "../../registry/media-types.ts";
import { taggedReference } from "../image/reference.ts";
import type { ImageManifest } from "./image-manifest.ts";

/**
 * The list as text and its media type, in the layout of Docker's client, so that both make the same digest of the same images. Throws
 * for an image of another registry.
 */
export function listText(target: Reference, images: readonly ImageManifest[]): { text: string; mediaType: string } {
  const manifests = images.map(({ ref, descriptor }) => {
    const { domain } = taggedReference(ref);
    if (domain !== target.domain) {
      throw new Error(
        `cannot use source images from a different registry than the target image: ${domain} != ${target.domain}`,
      );
    }
    const { mediaType, size, digest, platform = { architecture: "", os: "" } } = descriptor;
    return { mediaType, size, digest, platform };
  });
  // The first image says of which kind the list is.
  const mediaType = manifests[0]?.mediaType === ociImage ? ociIndex : dockerList;
  return { text: goJson({ schemaVersion: 2, mediaType, manifests }, 3), mediaType };
}
