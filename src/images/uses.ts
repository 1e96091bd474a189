/** Which blobs and layers of the stores some image needs, or somebody else; the rest may go. */
import type { Digest } from "../lib/digest.ts";
import { isKind } from "../lib/errors.ts";
import type { Catalog } from "./catalog.ts";
import { besides } from "./index-content.ts";

/** What must not be deleted. */
export interface Used {
  readonly blobs: ReadonlySet<Digest>;
  readonly chains: ReadonlySet<Digest>;
}

/** Names, each time, what must stay though no image needs it. */
export type Keeper = () => Iterable<{ readonly blob: Digest; readonly chainId: Digest }>;

export class Uses {
  readonly #catalog: Pick<Catalog, "content" | "get" | "ids" | "isReadable">;
  readonly #keepers: Keeper[] = [];
  /** What was found of images, until one comes or goes. */
  #ofImages: Used | null = null;

  constructor(catalog: Pick<Catalog, "content" | "get" | "ids" | "isReadable">) {
    this.#catalog = catalog;
  }

  /** An image has come, gone, or is another now. */
  changed(): void {
    this.#ofImages = null;
  }

  /** Has `keeper` asked from now on. */
  keepFor(keeper: Keeper): void {
    this.#keepers.push(keeper);
  }

  /**
   * Every blob and chain that some image needs, or who was named by {@link keepFor}; null while an image cannot be read, because then nobody
   * knows what it needs and nothing may be deleted.
   */
  all(): Used | null {
    const images = this.ofImages();
    if (images === null) return null;
    const others = this.#keepers.flatMap((keeper) => [...keeper()]);
    if (others.length === 0) return images;
    return {
      blobs: images.blobs.union(new Set(others.map(({ blob }) => blob))),
      chains: images.chains.union(new Set(others.map(({ chainId }) => chainId))),
    };
  }

  /** As {@link all}, of images alone. */
  ofImages(): Used | null {
    if (this.#ofImages) return this.#ofImages;
    if (!this.#catalog.isReadable) return null;
    const blobs = new Set<Digest>();
    const chains = new Set<Digest>();
    try {
      for (const id of this.#catalog.ids()) {
        const { record, manifest, chain } = this.#catalog.get(id);
        for (const { digest } of [record.manifest, record.target, ...manifest.layers]) blobs.add(digest);
        for (const { digest } of besides(this.#catalog.content, record)) blobs.add(digest);
        blobs.add(id);
        for (const chainId of chain) chains.add(chainId);
      }
    } catch (error) {
      if (isKind(error, "dataLoss", "notFound", "invalidArgument", "tooLarge")) return null;
      throw error;
    }
    this.#ofImages = { blobs, chains };
    return this.#ofImages;
  }
}
