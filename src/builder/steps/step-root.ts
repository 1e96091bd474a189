/** The writable layer that one step works in, mounted over the tree of the step before it. */
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chainIds } from "../../images/manifest.ts";
import { type Digest, parseDigest } from "../../lib/digest.ts";
import { failPoint } from "../../lib/fail-point.ts";
import type { Operation } from "../../lib/operation.ts";
import type { LayerSealing, SealedLayer } from "../../snapshots/snapshotter.ts";
import type { BuilderOptions, BuildHold, Layer } from "../collaborators.ts";

type Parts = Pick<BuilderOptions, "images" | "snapshots" | "paths">;

/** A file system as a stack of layers, lowest first. */
export type Tree = readonly Layer[];

export const topOf = (tree: Tree): Digest | null => tree.at(-1)?.chainId ?? null;

export class StepRoot implements AsyncDisposable {
  /** 64 hex digits: the writable layer's key, and the id of the process that a RUN starts on it. */
  readonly key: string;
  /** Where it is mounted. */
  readonly path: string;
  /** For what the step needs besides, such as its bundle. */
  readonly directory: string;
  readonly #parts: Parts;
  readonly #tree: Tree;

  private constructor(parts: Parts, tree: Tree) {
    this.key = randomBytes(32).toString("hex");
    this.path = join(parts.paths.rootfs, this.key);
    this.directory = join(parts.paths.bundles, this.key);
    this.#parts = parts;
    this.#tree = tree;
  }

  /**
   * With the tree's own files and no others. Where a container's process is to run on it and the tree has something else than
   * directories and files at the places of its first mounts, such as links, those stand on the init layer.
   */
  static async open(parts: Parts, tree: Tree, { forProcess = false } = {}): Promise<StepRoot> {
    const root = await StepRoot.#open(parts, tree, true);
    if (!forProcess || isPlain(root.path)) return root;
    await root[Symbol.asyncDispose]();
    return await StepRoot.#open(parts, tree, false);
  }

  static async #open(parts: Parts, tree: Tree, bare: boolean): Promise<StepRoot> {
    const root = new StepRoot(parts, tree);
    try {
      mkdirSync(root.directory, { recursive: true, mode: 0o700 });
      await parts.snapshots.prepare(root.key, topOf(tree), { ephemeral: true, bare });
      await parts.snapshots.mount(root.key, root.path);
      return root;
    } catch (error) {
      await root[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes a layer of what was written; the tree with it on top. Nothing works in the root any more. */
  async seal(hold: BuildHold, op: Operation): Promise<Tree> {
    const { snapshots } = this.#parts;
    await snapshots.unmount(this.path);
    const layer = snapshots.sealing ? await this.#adopt(snapshots.sealing, hold, op) : await this.#unpack(hold, op);
    failPoint("builder.step.applied");
    return [...this.#tree, layer];
  }

  /** The files that were written become the layer as they lie there. */
  async #adopt(sealing: LayerSealing, hold: BuildHold, op: Operation): Promise<Layer> {
    const sealed: SealedLayer[] = [];
    const blob = await this.#parts.images.storeWritten(hold, async (fd) => {
      const one = await sealing.seal(this.key, fd, op);
      sealed.push(one);
      return { digest: parseDigest(one.diffId), size: one.archiveSize };
    });
    const [one] = sealed;
    if (!one) throw new Error("a layer was stored that was not sealed");
    const chainId = parseDigest(one.chainId);
    hold.chains.add(chainId);
    failPoint("builder.step.stored");
    await sealing.adopt(this.key, one, op);
    return { blob, diffId: blob.digest, chainId };
  }

  /** Where a writable layer has another form than a layer, its tar is unpacked. */
  async #unpack(hold: BuildHold, op: Operation): Promise<Layer> {
    const { images, snapshots } = this.#parts;
    const blob = await images.store(hold, snapshots.diffTar(this.key), op);
    const diffIds = [...this.#tree.map(({ diffId }) => diffId), blob.digest];
    const chainId = chainIds(diffIds).at(-1)!;
    hold.chains.add(chainId);
    failPoint("builder.step.stored");
    const request = { chainId, parent: topOf(this.#tree), diffId: blob.digest };
    await snapshots.applyLayer(request, images.pathOf(blob), op);
    return { blob, diffId: blob.digest, chainId };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.snapshots.unmount(this.path);
    await this.#parts.snapshots.remove(this.key);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** No link and no device stands where the runtime mounts. */
function isPlain(root: string): boolean {
  const kindOf = (path: string): ReturnType<typeof lstatSync> | null =>
    lstatSync(join(root, path), { throwIfNoEntry: false }) ?? null;
  return (
    ["dev", "etc", "proc", "sys"].every((path) => kindOf(path)?.isDirectory() ?? true) &&
    ["etc/hosts", "etc/resolv.conf"].every((path) => kindOf(path)?.isFile() ?? true)
  );
}
