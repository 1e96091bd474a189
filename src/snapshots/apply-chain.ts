/** Unpacking of several layers that stand on each other: one helper, one sync, and then all of them in their places. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { runHelper } from "../helper/helper-process.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { lock } from "../linux/flock.ts";
import type { LayerStore } from "./layer-store.ts";
import { chainHex } from "./names.ts";
import type { StoredLayerRequest } from "./snapshotter.ts";
import type { ApplyLayersRequest } from "./unpack/apply-layer.ts";

/** What the helper tells of each layer once it is unpacked. */
interface Unpacked {
  readonly index: number;
}

/** `onApplied` is told of each layer that is unpacked or was there, by its index. */
export async function applyChain(
  store: LayerStore,
  layers: readonly StoredLayerRequest[],
  op: Operation,
  onApplied: (index: number) => void,
): Promise<void> {
  using locks = new DisposableStack();
  // Ancestors first, as everybody does: nobody waits for somebody who waits for him.
  for (const { chainId } of layers) locks.use(await lock(join(store.root, "locks", chainHex(chainId)), op.signal));
  const there = layers.findLastIndex(({ chainId }) => store.has(chainId)) + 1;
  for (let index = 0; index < there; index++) onApplied(index);
  const missing = layers.slice(there);
  const [lowest] = missing;
  if (!lowest) return;
  const dirs: string[] = [];
  let placed = 0;
  // Each stands on its parent from before the first look at that, and no longer when it does not come about.
  const standing = ({ chainId, parent }: StoredLayerRequest): void => {
    if (parent !== null) store.refer(parent, chainHex(chainId));
  };
  standing(lowest);
  try {
    for (const { chainId } of missing) {
      const dir = store.temporary(chainHex(chainId));
      dirs.push(dir);
      for (const name of ["diff", "refs"]) mkdirSync(join(dir, name), { mode: name === "diff" ? 0o755 : 0o700 });
    }
    await unpack(store, missing, dirs, op, (index) => onApplied(there + index));
    for (const layer of missing) {
      standing(layer);
      store.publish(dirs[placed]!, layer.chainId);
      placed++;
    }
    store.syncPlaces();
  } finally {
    for (const dir of dirs.slice(placed)) store.trash.take(dir);
    const failed = missing[placed];
    if (failed && failed.parent !== null) store.unrefer(failed.parent, chainHex(failed.chainId));
  }
}

async function unpack(
  store: LayerStore,
  layers: readonly StoredLayerRequest[],
  dirs: readonly string[],
  op: Operation,
  onUnpacked: (index: number) => void,
): Promise<void> {
  const request: ApplyLayersRequest = {
    parents: store.diffs(layers[0]!.parent),
    layers: layers.map(({ chainId, parent, diffId, path, budget = {} }, i) => ({
      dir: dirs[i]!,
      record: { version: 1, chainId, parent, diffId },
      body: path,
      budget,
    })),
  };
  const onLine = (line: unknown): void => onUnpacked((line as Unpacked).index); // our own helper wrote it
  await runHelper<true>("apply-layers", request, null, op.signal, { onLine });
  failPoint("snapshots.chain.unpacked");
}
