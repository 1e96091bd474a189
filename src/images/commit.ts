/** `commit`: a container's changes become one more layer over its image. */
import { isDigest } from "../lib/digest.ts";
import { dataLoss } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import { hostPlatform } from "../lib/platform.ts";
import { familiarReference } from "../lib/reference.ts";
import type { CommitImage, CommittedImage } from "./images.ts";
import { type MakeParts, makeImage, storeLayer } from "./make-image.ts";
import { platformOf } from "./manifest.ts";
import { newNameOf } from "./new-name.ts";

export async function commit(
  { shelf, applyChanges }: MakeParts,
  request: CommitImage,
  op: Operation,
): Promise<CommittedImage> {
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
    const { id } = await makeImage(shelf, hold, layer, made, op);
    shelf.catalog.emit("create", id);
    const [name = ""] = names.map(familiarReference);
    if (name !== "") shelf.catalog.emit("tag", id, { name });
    return { id, name };
  } catch (error) {
    await shelf.abandon(hold);
    throw error;
  } finally {
    hold[Symbol.dispose]();
  }
}
