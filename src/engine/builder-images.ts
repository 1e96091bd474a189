import type { BuildCache } from "../api/system.ts";
import type { CacheEntry } from "../builder/builder.ts";
import type { BuilderImages } from "../builder/collaborators.ts";
import type { Images } from "../images/images.ts";
import { parseReference } from "../lib/reference.ts";

/** The images as the builder wants them: what it builds with, and pulls with the credentials that a client sent along. */
export function builderImages(images: Images): BuilderImages {
  const { building, outputs } = images;
  return {
    outputs,
    find: (reference, platform) => building.find(reference, platform),
    async pull(fromImage, platform, auths, op) {
      const auth = await auths.get(parseReference(fromImage).domain);
      await images.pull({ fromImage, tag: "", platform, auth }, () => {}, op);
    },
    hold: () => building.hold(),
    store: (hold, tar, op) => building.store(hold, tar, op),
    storeWritten: (hold, write) => building.storeWritten(hold, write),
    pathOf: (blob) => building.pathOf(blob),
    checkName: (name) => building.checkName(name),
    make: (hold, image, op) => building.make(hold, image, op),
    release: (layers) => building.release(layers),
    isUsedByImage: (chainId) => building.isUsedByImage(chainId),
    keepFor: (user) => building.keepFor(user),
  };
}

/** An entry of the build cache as the API shows it. */
export const shownCacheEntry = (entry: CacheEntry): BuildCache => ({
  ID: entry.id,
  Type: entry.type,
  Description: entry.description,
  InUse: entry.inUse,
  Shared: entry.shared,
  Size: entry.size,
  CreatedAt: entry.createdAt,
  LastUsedAt: entry.lastUsedAt,
  UsageCount: entry.usageCount,
});
