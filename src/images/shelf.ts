/** Putting images on the shelf (layers unpacked, then recorded) and taking off what no image needs any more. */
import type { ContentStore, Lease } from "../content/content-store.ts";
import { type Digest, isDigest } from "../lib/digest.ts";
import { dataLoss, isKind, notImplemented } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { formatPlatform, hostPlatform } from "../lib/platform.ts";
import type { Reference } from "../lib/reference.ts";
import type { LayerSource } from "./arrivals.ts";
import type { Catalog, Image } from "./catalog.ts";
import type { LayerStore } from "./images.ts";
import { chainIds, type Descriptor, type ImageConfigFile, type Manifest } from "./manifest.ts";

/** An image whose blobs have arrived. */
export interface Arrival {
  readonly id: Digest;
  readonly file: ImageConfigFile;
  readonly manifest: Manifest;
  readonly manifestDescriptor: Descriptor;
  readonly target: Descriptor;
  readonly parent?: string;
  /** Of an image that is here already, this manifest takes the place of the one it came with. */
  readonly replaces?: boolean;
  readonly names: readonly Reference[];
}

/** What an operation in progress needs kept. */
export interface Hold extends Disposable {
  readonly lease: Lease;
  readonly chains: Set<Digest>;
}

/**
 * Bytes of a packed layer whose own helper and sync cost more than its unpacking. Larger ones go alone: what is written of one is on its
 * way to the disk while the next is unpacked.
 */
const smallLayer = 4 << 20;

/** The layers of an arrival on their way. */
interface Unpacking {
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
  readonly chain: readonly Digest[];
  readonly source: LayerSource;
  readonly op: Operation;
  readonly onLayer: (layer: Descriptor, state: "extracting" | "complete" | "exists") => void;
}

const requestFor = ({ chain, diffIds }: Unpacking, i: number) => ({
  chainId: chain[i]!,
  parent: chain[i - 1] ?? null,
  diffId: diffIds[i]!,
});

export class Shelf {
  readonly catalog: Catalog;
  readonly content: ContentStore;
  readonly snapshots: LayerStore;
  readonly #held = new Set<Set<Digest>>();

  constructor(catalog: Catalog, snapshots: LayerStore) {
    this.catalog = catalog;
    this.content = catalog.content;
    this.snapshots = snapshots;
  }

  /** Keeps what the caller fetches from being deleted until disposed of. */
  hold(): Hold {
    const chains = new Set<Digest>();
    const lease = this.content.lease();
    this.#held.add(chains);
    return {
      lease,
      chains,
      [Symbol.dispose]: () => {
        this.#held.delete(chains);
        lease[Symbol.dispose]();
      },
    };
  }

  /**
   * The image of that config where nothing of it is missing, else null. No other manifest of it is worth a download then: what its layers
   * unpack to is known and here.
   */
  whole(id: Digest): Image | null {
    if (!this.catalog.recordOf(id)) return null;
    try {
      const image = this.catalog.get(id);
      const isWhole =
        image.chain.every((layer) => this.snapshots.hasLayer(layer)) &&
        image.manifest.layers.every(({ digest }) => this.content.has(digest));
      return isWhole ? image : null;
    } catch (error) {
      // Spoilt: whoever pulls it brings it again.
      if (isKind(error, "dataLoss", "notFound", "invalidArgument", "tooLarge")) return null;
      throw error;
    }
  }

  /** Unpacks the layers that are missing and records the image. `onLayer` is told before and after each one. */
  async place(
    arrival: Arrival,
    hold: Hold,
    op: Operation,
    onLayer: (layer: Descriptor, state: "extracting" | "complete" | "exists") => void = () => {},
    source: LayerSource = this.#inStore,
  ): Promise<Image> {
    const { file, manifest } = arrival;
    const diffIds = file.rootfs.diff_ids;
    if (diffIds.length !== manifest.layers.length) {
      throw dataLoss(`image config has ${diffIds.length} diff ids for ${manifest.layers.length} layers`);
    }
    if (file.os !== undefined && file.os !== null && file.os !== "" && file.os !== "linux") {
      throw notImplemented(
        `image operating system "${file.os}" cannot be used on this platform: ${formatPlatform(hostPlatform())}`,
      );
    }
    const chain = chainIds(diffIds);
    for (const id of chain) hold.chains.add(id);
    const unpacking: Unpacking = { layers: manifest.layers, diffIds, chain, source, op, onLayer };
    for (let i = 0; i < manifest.layers.length; ) i = await this.#unpackFrom(unpacking, i);
    return this.catalog.add(
      arrival.id,
      {
        manifest: arrival.manifestDescriptor,
        target: arrival.target,
        replaces: arrival.replaces ?? false,
        ...(arrival.parent === undefined ? {} : { parent: arrival.parent }),
      },
      arrival.names,
    );
  }

  /** Unpacks the layer at `i`, with those after it that are small and whole as it is; the index of the next one. */
  async #unpackFrom(unpacking: Unpacking, i: number): Promise<number> {
    const { layers, chain, source, op, onLayer } = unpacking;
    const layer = layers[i]!;
    if (this.snapshots.hasLayer(chain[i]!)) {
      await this.#arrived(layer, source);
      onLayer(layer, "exists");
      return i + 1;
    }
    const ends = ({ digest, size }: Descriptor): boolean => size > smallLayer || !this.content.has(digest);
    const behind = layers.slice(i).findIndex(ends);
    const whole = behind < 0 ? layers.length - i : behind;
    if (whole > 1) return await this.#unpackChain(unpacking, i, i + whole);
    using opened = await source.open(layer);
    if (typeof opened.body === "string") await this.#arrived(layer, source);
    onLayer(layer, "extracting");
    await op.timings.measure("unpack", () => this.snapshots.applyLayer(requestFor(unpacking, i), opened.body, op));
    await this.#arrived(layer, source);
    onLayer(layer, "complete");
    failPoint("images.layer.applied");
    return i + 1;
  }

  /** Unpacks the layers from `start` to before `end`, all of them whole, in one go. */
  async #unpackChain(unpacking: Unpacking, start: number, end: number): Promise<number> {
    const { layers, source, op, onLayer } = unpacking;
    const indices = Array.from({ length: end - start }, (_, i) => start + i);
    for (const i of indices) await this.#arrived(layers[i]!, source);
    const requests = indices.map((i) => ({ ...requestFor(unpacking, i), path: this.content.path(layers[i]!.digest) }));
    onLayer(layers[start]!, "extracting");
    const onApplied = (index: number): void => {
      onLayer(layers[start + index]!, "complete");
      const next = layers[start + index + 1];
      if (next && start + index + 1 < end) onLayer(next, "extracting");
    };
    await op.timings.measure("unpack", () => this.snapshots.applyLayers(requests, op, onApplied));
    failPoint("images.layer.applied");
    return end;
  }

  readonly #inStore: LayerSource = {
    open: async ({ digest }) => ({ body: this.content.path(digest), [Symbol.dispose]: () => {} }),
    whole: async () => {},
  };

  async #arrived(layer: Descriptor, source: LayerSource): Promise<void> {
    await source.whole(layer);
    if (this.content.size(layer.digest) === layer.size) return;
    throw dataLoss(`unexpected size of layer ${layer.digest}, or it is missing`);
  }

  /**
   * Deletes those of the given layers (lowest first) and blobs that neither an image nor an operation needs. What is
   * needed is looked at anew before each removal, because an image may come in while this waits.
   */
  async release(chains: Iterable<Digest>, blobs: Iterable<Digest>): Promise<{ layers: Digest[]; bytes: number }> {
    const layers: Digest[] = [];
    let bytes = 0;
    for (const chainId of [...chains].reverse()) {
      if (this.needs(chainId) || !this.snapshots.hasLayer(chainId)) continue;
      const size = await this.snapshots.layerSize(chainId);
      const removed = await this.#removeLayer(chainId);
      if (removed === "needed") break; // something stands on it, hence on all below
      if (removed === "absent") continue;
      layers.push(chainId);
      bytes += size;
    }
    const used = this.catalog.uses.all();
    if (used) for (const digest of blobs) if (!used.blobs.has(digest)) this.content.delete(digest);
    return { layers, bytes };
  }

  /** Ends the hold of work that failed, and deletes what came by it and nothing else needs. */
  async abandon(hold: Hold): Promise<void> {
    const chains = [...hold.chains];
    hold[Symbol.dispose]();
    await this.release(chains, hold.lease.digests);
  }

  /** Deletes every layer and blob that nothing needs: at start, and when a spoilt image that hid what is needed is gone. */
  async collect(): Promise<void> {
    let candidates = (await this.snapshots.layers()).filter(isDigest);
    // A layer that others stand on goes once they are gone, in a later round.
    for (let before = -1; before !== candidates.length; ) {
      before = candidates.length;
      const kept: Digest[] = [];
      for (const chainId of candidates) if ((await this.#removeLayer(chainId)) === "needed") kept.push(chainId);
      candidates = kept;
    }
    await this.release([], this.content.walk());
  }

  /** True for a layer that an image or an operation in progress needs, and while that cannot be told. */
  needs(chainId: Digest): boolean {
    for (const held of this.#held) if (held.has(chainId)) return true;
    return this.catalog.uses.all()?.chains.has(chainId) ?? true;
  }

  /** The look and the removal are one step: nothing else of this process runs in between. */
  async #removeLayer(chainId: Digest): Promise<"removed" | "needed" | "absent"> {
    if (this.needs(chainId)) return "needed";
    if (!this.snapshots.hasLayer(chainId)) return "absent";
    try {
      await this.snapshots.removeLayer(chainId);
      return "removed";
    } catch (error) {
      if (isKind(error, "conflict")) return "needed";
      throw error;
    }
  }
}
