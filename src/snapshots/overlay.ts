/**
 * The overlayfs driver (Docker's name: overlay2). A writable layer is `containers/<key>/{diff,work}`; mounting stacks it
 * on the init layer and the chain's `diff` directories. Neither prepare nor mount starts a process.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { runHelper, streamHelper } from "../helper/helper-process.ts";
import { resourceExhausted, systemError } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { AT_FDCWD, close, O_DIRECTORY, openAt } from "../linux/file.ts";
import { limitTree } from "../linux/project-quota.ts";
import { applyChain } from "./apply-chain.ts";
import { overlayChanges } from "./changes.ts";
import { type HeldTree, hideTree, treeOfProcess } from "./held-tree.ts";
import { initLayer } from "./init-layer.ts";
import { type LayerCare, layerCare } from "./layer-care.ts";
import { LayerStore } from "./layer-store.ts";
import { bindReadOnly, isMountPoint, makeMountPoint, removeMountPoint } from "./mount-point.ts";
import { isKey } from "./names.ts";
import { mountOverlay, overlayPoint, volatileMark } from "./overlay-mount.ts";
import { copyRoot } from "./ownership.ts";
import type { SealLayerRequest } from "./seal-layer.ts";
import type {
  Change,
  LayerBody,
  LayerRequest,
  LayerSealing,
  PrepareOptions,
  SealedLayer,
  Snapshotter,
  StoredLayerRequest,
} from "./snapshotter.ts";
import { usageOf } from "./usage.ts";
import { WritableLayers } from "./writable-layers.ts";

export class OverlaySnapshotter implements Snapshotter {
  readonly name = "overlay2";
  readonly #store: LayerStore;
  readonly #writable: WritableLayers;
  readonly care: LayerCare;

  constructor(root: string) {
    this.#store = new LayerStore(root);
    this.#writable = new WritableLayers(this.#store);
    this.care = layerCare(this.#store, this.#writable, false);
  }

  readonly sealing: LayerSealing = {
    seal: async (key, fd, op) => {
      const { dir, parent } = this.#writable.get(key);
      const request: SealLayerRequest = { dir, parent };
      return await runHelper<SealedLayer>("seal-layer", request, null, op.signal, { fd });
    },
    adopt: async (key, { chainId }, op) => {
      const { dir, parent } = this.#writable.get(key);
      await this.#store.adopt(dir, chainId, parent, op);
    },
  };

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

  /** Where the topmost layer's files and those below are, in the keys of the API's `GraphDriver.Data`. */
  layerData(chainId: string): Record<string, string> {
    const [upper = "", ...lower] = this.#store.diffs(chainId);
    const dir = dirname(upper);
    return {
      ...(lower.length > 0 ? { LowerDir: lower.join(":") } : {}),
      MergedDir: join(dir, "merged"),
      UpperDir: upper,
      WorkDir: join(dir, "work"),
    };
  }

  applyLayers(layers: readonly StoredLayerRequest[], op: Operation, onApplied: (index: number) => void): Promise<void> {
    return applyChain(this.#store, layers, op, onApplied);
  }

  applyLayer(request: LayerRequest, body: LayerBody, op: Operation): Promise<{ size: number }> {
    return this.#store.apply(request, body, op);
  }

  async prepare(key: string, parent: string | null, options: PrepareOptions = {}): Promise<void> {
    this.#writable.create(key, parent, options.ephemeral ?? false, (dir) => {
      if (options.sizeLimit) limitLayer(dir, options.sizeLimit);
      const diff = join(dir, "diff");
      mkdirSync(diff, { mode: 0o755 });
      mkdirSync(join(dir, "work"), { mode: 0o700 });
      if (options.bare) mkdirSync(join(dir, "bare"), { mode: 0o755 });
      const [top = null] = options.bare ? this.#store.diffs(parent) : [initLayer(this.#store, parent)];
      if (top !== null) copyRoot(top, diff);
    });
  }

  hasKey(key: string): boolean {
    return this.#writable.has(key);
  }

  async keys(): Promise<string[]> {
    return this.#writable.keys();
  }

  async mount(key: string, target: string): Promise<void> {
    const { dir, parent, ephemeral } = this.#writable.get(key);
    const work = join(dir, "work");
    if (ephemeral && existsSync(volatileMark(work))) this.#store.trash.take(join(work, "work"));
    makeMountPoint(target);
    mountOverlay(target, {
      lower: existsSync(join(dir, "bare")) ? [...this.#store.diffs(parent), join(dir, "bare")] : this.#lower(parent),
      writable: { upper: join(dir, "diff"), work, volatile: ephemeral },
    });
  }

  async view(chainId: string, target: string): Promise<void> {
    const [top = "", ...below] = this.#store.diffs(chainId);
    if (below.length === 0) bindReadOnly(top, target);
    else mountOverlay(target, { lower: [top, ...below], writable: null });
  }

  #lower(parent: string | null): string[] {
    return [initLayer(this.#store, parent), ...this.#store.diffs(parent)];
  }

  async unmount(target: string): Promise<void> {
    await removeMountPoint(target);
  }

  isMounted(target: string): boolean {
    return isMountPoint(target);
  }

  hide(target: string): HeldTree | null {
    return hideTree(target);
  }

  hidden(key: string, target: string, { pid, startTime }: { pid: number; startTime: string }): HeldTree {
    const { dir, parent } = this.#writable.get(key);
    const upper = join(dir, "diff");
    const found = treeOfProcess(pid, startTime, (mounts) => overlayPoint(mounts, upper));
    if (found) return found;
    // Writable it may be to its first mount only, which may live on in files that are open.
    makeMountPoint(target);
    mountOverlay(target, { lower: [upper, ...this.#lower(parent)], writable: null });
    const shown = hideTree(target);
    if (shown) return shown;
    throw resourceExhausted("too few descriptors are left to hold it");
  }

  async remove(key: string): Promise<void> {
    this.#writable.remove(key);
  }

  async usage(key: string): Promise<{ size: number; files: number }> {
    return usageOf(join(this.#writable.get(key).dir, "diff"));
  }

  changes(key: string): AsyncIterable<Change> {
    const { dir, parent } = this.#writable.get(key);
    return overlayChanges(join(dir, "diff"), this.#lower(parent));
  }

  diffTar(key: string): Readable {
    const { dir } = this.#writable.get(key);
    return streamHelper("pack-tree", { root: join(dir, "diff"), whiteouts: true });
  }

  treeTar(mountedRoot: string): Readable {
    return streamHelper("pack-tree", { root: mountedRoot, whiteouts: false });
  }

  async sweep(): Promise<void> {
    this.#writable.sweep();
    await this.#store.sweep((name) => isKey(name) && this.#writable.has(name));
  }

  driverData(key: string): Record<string, string> {
    const { dir, parent } = this.#writable.get(key);
    return {
      LowerDir: this.#lower(parent).join(":"),
      MergedDir: join(dir, "merged"),
      UpperDir: join(dir, "diff"),
      WorkDir: join(dir, "work"),
    };
  }
}

/** Limits what the layer's directory will hold, before there is anything in it. */
function limitLayer(dir: string, limit: number): void {
  const fd = openAt(AT_FDCWD, dir, O_DIRECTORY);
  try {
    if (limitTree(fd, limit)) return;
    throw systemError("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  } finally {
    close(fd);
  }
}
