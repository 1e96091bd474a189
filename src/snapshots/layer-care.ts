/** Looking at unpacked layers and mending them: the same for all drivers, which differ in who reads a layer's own files. */

import { basename, join } from "node:path";
import type { Readable } from "node:stream";
import { runHelper, streamHelper } from "../helper/helper-process.ts";
import { isKind, messageOf } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import type { CompareRequest, LayerComparison } from "./compare/compare-layer.ts";
import type { LayerStore } from "./layer-store.ts";
import { isKey } from "./names.ts";
import type { LayerRequest } from "./snapshotter.ts";
import { strayReferences, strayUnpacks } from "./strays.ts";
import type { WritableLayers } from "./writable-layers.ts";

/** What is asked of unpacked layers to look at them and to mend them. */
export interface LayerCare {
  /** The directories of a chain's layers in overlayfs's form, lowest first. */
  directories(chainId: string): string[];
  /** What is wrong with the record of a layer that is there; `null` for nothing. */
  problem(request: LayerRequest): string | null;
  /** Holds an unpacked layer against the archive at `body`: names, attributes, contents. */
  compare(chainId: string, body: string, op: Operation): Promise<LayerComparison>;
  /** The layer packed again, uncompressed: the same bytes as its archive where that was packed here. */
  pack(chainId: string): Readable;
  /**
   * Unpacks a layer anew from the archive at `body` and puts it in the place of what is there, for all that stand on it.
   * `checkFree` is asked right before and throws while somebody reads the old files, which go.
   */
  replace(request: LayerRequest, body: string, checkFree: () => void, op: Operation): Promise<void>;
  /** True when `child` stands on the layer itself. */
  isChild(child: string, chainId: string): boolean;
  /** Keys of writable layers whose chains hold the layer, and those that are being made. */
  usersOf(chainId: string): string[];
  /** Those of {@link usersOf} that show the layer's own files once they are mounted, or are being made of them. */
  readersOf(chainId: string): string[];
  /** Paths, from the data root on, that crashes left and nobody uses; with `remove` they go. `isUser` tells of keys that are known elsewhere. */
  strays(isUser: (key: string) => boolean, options: { readonly remove: boolean }): string[];
}

/** `copies` is true for a driver whose writable layers are copies: they read no layer once they are made. */
export function layerCare(store: LayerStore, writable: WritableLayers, copies: boolean): LayerCare {
  const usersOf = (chainId: string): string[] => [
    ...writable.keys().filter((key) => store.isPartOf(chainId, writable.get(key).parent)),
    ...writable.unfinished(),
  ];
  return {
    directories: (chainId) => store.diffs(chainId).reverse(),
    problem: (request) => recordProblem(store, request),
    compare: (chainId, body, op) =>
      runHelper("compare-layer", { diff: store.diff(chainId), body } satisfies CompareRequest, null, op.signal),
    pack: (chainId) => streamHelper("pack-tree", { root: store.diff(chainId), whiteouts: true }),
    replace: (request, body, checkFree, op) =>
      store.replace(request, body, { checkFree, users: () => writable.usersOf(request.chainId) }, op),
    isChild: (child, chainId) => store.isChild(child, chainId),
    usersOf,
    readersOf: (chainId) => (copies ? writable.unfinished() : usersOf(chainId)),
    strays(isUser, options) {
      const isKnown = (name: string): boolean => isKey(name) && (writable.has(name) || isUser(name));
      const strays = [...strayUnpacks(store, options), ...strayReferences(store, isKnown, options)];
      return strays.map((path) => join(basename(store.root), path));
    },
  };
}

function recordProblem(store: LayerStore, { chainId, parent, diffId }: LayerRequest): string | null {
  try {
    const record = store.readRecord(chainId);
    const isRight = record.chainId === chainId && record.parent === parent && record.diffId === diffId;
    return isRight ? null : "its record is that of another layer";
  } catch (error) {
    if (isKind(error, "dataLoss")) return messageOf(error);
    throw error;
  }
}
