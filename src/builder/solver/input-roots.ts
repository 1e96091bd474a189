/** The trees that steps read from, each shown at a directory of the host while a build goes on. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import { systemError } from "../../lib/errors.ts";
import type { BuilderOptions } from "../collaborators.ts";
import type { Input } from "../dockerfile/plan/plan.ts";
import { type Tree, topOf } from "../steps/step-root.ts";

/** What an input is: files of the context, or a tree of layers. */
export type Source =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "tree"; readonly tree: Tree };

export class InputRoots implements AsyncDisposable {
  readonly #parts: Pick<BuilderOptions, "snapshots" | "paths">;
  readonly #resolve: (input: Input) => Promise<Source>;
  readonly #shown = new Map<string, Promise<string>>();

  constructor(parts: Pick<BuilderOptions, "snapshots" | "paths">, resolve: (input: Input) => Promise<Source>) {
    this.#parts = parts;
    this.#resolve = resolve;
  }

  source(input: Input): Promise<Source> {
    return this.#resolve(input);
  }

  /** A directory that shows the input; nobody writes there. */
  async pathOf(input: Input): Promise<string> {
    const source = await this.#resolve(input);
    if (source.kind === "directory") return source.path;
    const top = topOf(source.tree) ?? "";
    const known = this.#shown.get(top);
    if (known) return known;
    const shown = this.#show(top);
    this.#shown.set(top, shown);
    return shown;
  }

  async #show(top: string): Promise<string> {
    const target = join(this.#parts.paths.rootfs, randomBytes(32).toString("hex"));
    mkdirSync(target, { recursive: true, mode: 0o700 });
    try {
      if (top !== "") await this.#showAt(top, target);
      return target;
    } catch (error) {
      this.#shown.delete(top);
      rmdirSync(target);
      throw error;
    }
  }

  /** A driver that lays no layers over each other shows a copy, which nobody writes to. */
  async #showAt(top: string, target: string): Promise<void> {
    const { snapshots } = this.#parts;
    if (snapshots.name !== "vfs") return await snapshots.view(top, target);
    await snapshots.prepare(basename(target), top, { ephemeral: true, bare: true });
    try {
      await snapshots.mount(basename(target), target);
    } catch (error) {
      await snapshots.remove(basename(target));
      throw error;
    }
  }

  async #hide(path: string): Promise<void> {
    const { snapshots } = this.#parts;
    await snapshots.unmount(path);
    if (snapshots.name === "vfs") await snapshots.remove(basename(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const [top, shown] of this.#shown) {
      try {
        const path = await shown;
        if (top === "") rmdirSync(path);
        else await this.#hide(path);
      } catch (error) {
        failures.push(error);
      }
    }
    this.#shown.clear();
    if (failures.length > 0) throw systemError(`trees of a build stay mounted: ${failures.join("; ")}`);
  }
}
