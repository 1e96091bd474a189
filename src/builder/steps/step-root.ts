/** The writable layer that one step works in, mounted over the tree of the step before it. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { chainIds } from "../../images/manifest.ts";
import type { Digest } from "../../lib/digest.ts";
import { failPoint } from "../../lib/fail-point.ts";
import type { Operation } from "../../lib/operation.ts";
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

  static async open(parts: Parts, tree: Tree): Promise<StepRoot> {
    const root = new StepRoot(parts, tree);
    try {
      mkdirSync(root.directory, { recursive: true, mode: 0o700 });
      await parts.snapshots.prepare(root.key, topOf(tree), { ephemeral: true });
      await parts.snapshots.mount(root.key, root.path);
      return root;
    } catch (error) {
      await root[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Makes a layer of what was written; the tree with it on top. Nothing works in the root any more. */
  async seal(hold: BuildHold, op: Operation): Promise<Tree> {
    const { images, snapshots } = this.#parts;
    await snapshots.unmount(this.path);
    const blob = await images.store(hold, snapshots.diffTar(this.key), op);
    const diffIds = [...this.#tree.map(({ diffId }) => diffId), blob.digest];
    const chainId = chainIds(diffIds).at(-1)!;
    hold.chains.add(chainId);
    failPoint("builder.step.stored");
    const body = images.pathOf(blob);
    await snapshots.applyLayer({ chainId, parent: topOf(this.#tree), diffId: blob.digest }, body, op);
    failPoint("builder.step.applied");
    return [...this.#tree, { blob, diffId: blob.digest, chainId }];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.snapshots.unmount(this.path);
    await this.#parts.snapshots.remove(this.key);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
