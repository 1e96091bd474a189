/**
 * The driver for hosts and file systems without overlayfs (Docker's name: vfs). Layers are stored as in the overlay
 * driver; a writable layer is a full copy of the merged tree, so prepare costs what the image weighs. Mounting binds it.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { runHelper, streamHelper } from "../helper/helper-process.ts";
import { systemError } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { MS_BIND, mount } from "../linux/mount.ts";
import { applyChain } from "./apply-chain.ts";
import { type HeldTree, hideTree, holdDirectory } from "./held-tree.ts";
import { initLayer } from "./init-layer.ts";
import { type LayerCare, layerCare } from "./layer-care.ts";
import { LayerStore } from "./layer-store.ts";
import { bindReadOnly, isMountPoint, makeMountPoint, removeMountPoint } from "./mount-point.ts";
import { isKey } from "./names.ts";
import { type FlattenRequest, nativeChanges } from "./native-tree.ts";
import type {
  Change,
  LayerBody,
  LayerRequest,
  PrepareOptions,
  Snapshotter,
  StoredLayerRequest,
} from "./snapshotter.ts";
import { usageOf } from "./usage.ts";
import { WritableLayers } from "./writable-layers.ts";

export class NativeSnapshotter implements Snapshotter {
  readonly name = "vfs";
  readonly #store: LayerStore;
  readonly #writable: WritableLayers;
  readonly care: LayerCare;

  constructor(root: string) {
    this.#store = new LayerStore(root);
    this.#writable = new WritableLayers(this.#store);
    this.care = layerCare(this.#store, this.#writable, true);
  }

  hasLayer(chainId: string): boolean {
    return this.#store.has(chainId);
  }

  async removeLayer(chainId: string): Promise<void> {
    this.#store.remove(chainId);
  }

  async layers(): Promise<string[]> {
    return this.#store.list();
  }

  async layerSize(chainId: string): Promise<number> {
    return this.#store.size(chainId);
  }

  applyLayers(layers: readonly StoredLayerRequest[], op: Operation, onApplied: (index: number) => void): Promise<void> {
    return applyChain(this.#store, layers, op, onApplied);
  }

  applyLayer(request: LayerRequest, body: LayerBody, op: Operation): Promise<{ size: number }> {
    return this.#store.apply(request, body, op);
  }

  async prepare(key: string, parent: string | null, options: PrepareOptions = {}): Promise<void> {
    if (options.sizeLimit !== undefined) throw systemError("--storage-opt is not supported for vfs");
    await this.#writable.createWaiting(key, parent, options.ephemeral ?? false, async (dir) => {
      mkdirSync(join(dir, "tree"), { mode: 0o755 });
      if (options.bare) mkdirSync(join(dir, "bare"), { mode: 0o755 });
      const request: FlattenRequest = { layers: this.#lower(parent, dir), target: join(dir, "tree") };
      await runHelper<null>("flatten-layers", request, null);
    });
  }

  #lower(parent: string | null, dir: string): string[] {
    const diffs = this.#store.diffs(parent);
    return existsSync(join(dir, "bare")) ? [...diffs, join(dir, "bare")] : [initLayer(this.#store, parent), ...diffs];
  }

  hasKey(key: string): boolean {
    return this.#writable.has(key);
  }

  async keys(): Promise<string[]> {
    return this.#writable.keys();
  }

  async mount(key: string, target: string): Promise<void> {
    const { dir } = this.#writable.get(key);
    makeMountPoint(target);
    mount(join(dir, "tree"), target, null, MS_BIND, null);
  }

  async view(chainId: string, target: string): Promise<void> {
    const [top = "", ...below] = this.#store.diffs(chainId);
    if (below.length > 0) throw systemError("the vfs storage driver cannot mount an image of several layers");
    bindReadOnly(top, target);
  }

  async unmount(target: string): Promise<void> {
    if (existsSync(target)) await removeMountPoint(target);
  }

  isMounted(target: string): boolean {
    return isMountPoint(target);
  }

  hide(target: string): HeldTree | null {
    return hideTree(target);
  }

  hidden(key: string): HeldTree {
    return holdDirectory(join(this.#writable.get(key).dir, "tree"));
  }

  async remove(key: string): Promise<void> {
    this.#writable.remove(key);
  }

  async usage(key: string): Promise<{ size: number; files: number }> {
    return usageOf(join(this.#writable.get(key).dir, "tree"));
  }

  changes(key: string): AsyncIterable<Change> {
    const { dir, parent } = this.#writable.get(key);
    return nativeChanges(join(dir, "tree"), this.#lower(parent, dir));
  }

  diffTar(key: string): Readable {
    const { dir, parent } = this.#writable.get(key);
    return streamHelper("pack-changes", { layers: this.#lower(parent, dir), target: join(dir, "tree") });
  }

  treeTar(mountedRoot: string): Readable {
    return streamHelper("pack-tree", { root: mountedRoot, whiteouts: false });
  }

  async sweep(): Promise<void> {
    this.#writable.sweep();
    await this.#store.sweep((name) => isKey(name) && this.#writable.has(name));
  }

  driverData(): Record<string, string> {
    return {};
  }
}
