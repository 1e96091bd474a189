/** `commit`: a container's changes become one more layer over its image. */
import { isDigest } from "../lib/digest.ts";
import { dataLoss } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { hostPlatform } from "../lib/platform.ts";
import { applyChanges } from "./config-changes.ts";
import type { CommitImage } from "./images.ts";
import { makeImage, storeLayer } from "./make-image.ts";
import { platformOf } from "./manifest.ts";
import { newNameOf } from "./new-name.ts";
import type { Shelf } from "./shelf.ts";

/** Answers the new image's id. */
export async function commit(shelf: Shelf, request: CommitImage, op: Operation): Promise<string> {
  const { parent } = request;
  if (parent !== null && !isDigest(parent)) throw dataLoss(`image id ${parent} is malformed`);
  const base = parent === null ? null : shelf.catalog.get(parent);
  const names = request.repo === "" ? [] : [newNameOf(request.repo, request.tag)];
  const config = applyChanges(request.config, request.changes);
  const hold = shelf.hold();
  try {
    const layer = await storeLayer(shelf, hold, request.diff(), op);
    const made = {
      base,
      config,
      platform: base ? platformOf(base.file) : hostPlatform(),
      author: request.author,
      comment: request.comment,
      createdBy: request.createdBy,
      names,
    };
    return (await makeImage(shelf, hold, layer, made, op)).id;
  } catch (error) {
    const chains = [...hold.chains];
    hold[Symbol.dispose]();
    await shelf.release(chains, hold.lease.digests);
    throw error;
  } finally {
    hold[Symbol.dispose]();
  }
}
