/** What crashes left in a layer store and nobody uses; told by their paths from the store's root on, and removed when asked to. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../linux/flock.ts";
import type { LayerStore } from "./layer-store.ts";

interface StrayOptions {
  readonly remove: boolean;
}

/** Half-unpacked layers that nobody holds the lock of. */
export function strayUnpacks(store: LayerStore, { remove }: StrayOptions): string[] {
  const strays: string[] = [];
  for (const name of readdirSync(join(store.root, "tmp"))) {
    const hex = /^([0-9a-f]{64})\./.exec(name)?.[1];
    if (!hex) continue;
    using held = tryLock(join(store.root, "locks", hex));
    if (!held) continue;
    strays.push(join("tmp", name));
    if (remove) store.trash.take(join(store.root, "tmp", name));
  }
  return strays;
}

/** Names that say of somebody, of whom nobody knows, that he stands on a layer: it could never be removed. */
export function strayReferences(
  store: LayerStore,
  isUser: (name: string) => boolean,
  { remove }: StrayOptions,
): string[] {
  const strays: string[] = [];
  const layers = join(store.root, "layers");
  for (const hex of readdirSync(layers)) {
    const refs = join(layers, hex, "refs");
    for (const user of existsSync(refs) ? readdirSync(refs) : []) {
      if (existsSync(join(layers, user, "layer.json")) || isUser(user)) continue;
      // A child that is being unpacked has its name here before it exists.
      const lockPath = join(store.root, "locks", user);
      using held = existsSync(lockPath) ? tryLock(lockPath) : null;
      if (existsSync(lockPath) && !held) continue;
      strays.push(join("layers", hex, "refs", user));
      if (remove) store.unrefer(`sha256:${hex}`, user);
    }
  }
  return strays;
}
