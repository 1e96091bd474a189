import type { BuildCache } from "../api/system.ts";
import type { CacheEntry } from "../builder/builder.ts";
import type { BuilderImages } from "../builder/collaborators.ts";
import type { Images } from "../images/images.ts";
import { hostPlatform, parsePlatform, platformMatch } from "../lib/platform.ts";
import { parseReference, repositoryOf } from "../lib/reference.ts";

/** The images as the builder wants them: what it builds with, and pulls with the credentials that a client sent along. */
export function builderImages(images: Images): BuilderImages {
  const { building, outputs } = images;
  return {
    outputs,
    find: (reference, platform) => building.find(reference, platform),
    async pull(fromImage, platform, auths, op) {
      const reference = parseReference(fromImage);
      const auth = await auths.get(reference.domain);
      const before = reference.digest === null ? building.find(fromImage, hostPlatform()) : null;
      await images.pull({ fromImage, tag: "", platform, auth }, () => {}, op);
      const pulled = building.find(fromImage, null);
      const isForeign = platformMatch(hostPlatform(), parsePlatform(platform)) < 0;
      // A build for another platform is no reason for `run` to find that one.
      if (before && isForeign && pulled?.id !== before.id) {
        await images.tag(before.id, { repo: repositoryOf(reference), tag: reference.tag ?? "" }, op);
      }
      return pulled;
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
