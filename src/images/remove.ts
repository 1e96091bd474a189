/** `rmi` and `image prune`: names first, then the image, then the layers and blobs that nothing else needs. */
import type { Filters } from "../api/filters.ts";
import type { ImageDeleteResponseItem, ImagePruneResponse } from "../api/images.ts";
import { type Digest, hexOf } from "../lib/digest.ts";
import { conflict, invalidArgument, isKind } from "../lib/errors.ts";
import { familiarReference, formatReference, type Reference, repositoryOf } from "../lib/reference.ts";
import { parseUntil } from "../lib/until.ts";
import type { Image } from "./catalog.ts";
import { checkPlatform } from "./check-platform.ts";
import { besides } from "./index-content.ts";
import { filterOf, type QuerySources } from "./query.ts";
import type { Shelf } from "./shelf.ts";

export async function remove(
  shelf: Shelf,
  sources: QuerySources,
  nameOrId: string,
  query: { force: boolean; noprune: boolean; platforms: readonly string[] },
): Promise<ImageDeleteResponseItem[]> {
  const { catalog } = shelf;
  const [platform = "", ...others] = query.platforms;
  if (others.length > 0) throw invalidArgument("multiple platforms are not supported");
  const { id, name } = catalog.locate(nameOrId);
  if (!catalog.readable().some((one) => one.id === id)) {
    // Its blobs are gone or spoilt, so nobody knows which: what no other image needs goes with the record.
    const items = catalog.namesOf(id).map(asUntagged);
    catalog.forget(id);
    await shelf.collect();
    return [...items, { Deleted: id }];
  }
  const image = catalog.get(id);
  // Of each image one platform is here: it goes with it, or it is another.
  checkPlatform(image, platform, nameOrId);
  const names = catalog.namesOf(image.id);
  const users = sources.usersOf(image.id);
  const untagged: Reference[] = [];
  const short = hexOf(image.id).slice(0, 12);
  if (name) {
    const others = names.filter((one) => formatReference(one) !== formatReference(name));
    const siblings = others.filter((one) => one.tag !== null && repositoryOf(one) === repositoryOf(name));
    // A digest reference goes with the last tag of its repository.
    const going = names.filter(
      (one) =>
        !others.includes(one) ||
        (siblings.length === 0 && one.digest !== null && repositoryOf(one) === repositoryOf(name)),
    );
    const remain = names.length - going.length;
    if (remain === 0 && users.length > 0 && !query.force) {
      const user = users.find((one) => one.running) ?? users[0]!;
      throw conflict(
        `conflict: unable to remove repository reference "${nameOrId}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${short}`,
      );
    }
    untagged.push(...(going.length > 0 ? going : names));
    // What stopped containers stand on keeps its layers; only the image goes.
    if (remain > 0 || users.some((user) => user.running)) return untag(shelf, untagged);
  } else {
    const repositories = new Set(names.map(repositoryOf));
    const tags = names.filter((one) => one.tag !== null);
    if ((repositories.size > 1 || tags.length > 1) && !query.force) {
      throw conflict(
        `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
      );
    }
    refuseUsers(image, users, query.force);
    untagged.push(...names);
  }
  if (catalog.readable().some((other) => other.record.parent === image.id)) {
    if (untagged.length > 0) return untag(shelf, untagged);
    throw conflict(`conflict: unable to delete ${short} (cannot be forced) - image has dependent child images`);
  }
  // The names go with the image, in one transaction: a crash leaves it whole or gone.
  return [...untagged.map(asUntagged), ...(await erase(shelf, image, !query.noprune, sources))];
}

function refuseUsers(image: Image, users: ReturnType<QuerySources["usersOf"]>, force: boolean): void {
  const short = hexOf(image.id).slice(0, 12);
  const running = users.find((user) => user.running);
  if (running) {
    throw conflict(
      `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container ${running.id.slice(0, 12)}`,
    );
  }
  if (users[0] && !force) {
    throw conflict(
      `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container ${users[0].id.slice(0, 12)}`,
    );
  }
}

function untag(shelf: Shelf, names: readonly Reference[]): ImageDeleteResponseItem[] {
  for (const name of names) shelf.catalog.untag(name);
  return names.map(asUntagged);
}

const asUntagged = (name: Reference): ImageDeleteResponseItem => ({ Untagged: familiarReference(name) });

async function erase(
  shelf: Shelf,
  image: Image,
  withParents: boolean,
  sources: QuerySources,
): Promise<ImageDeleteResponseItem[]> {
  const { catalog } = shelf;
  const { record, manifest } = image;
  const others = besides(shelf.content, record).map(({ digest }) => digest);
  catalog.forget(image.id);
  const blobs: Digest[] = [
    image.id,
    record.manifest.digest,
    record.target.digest,
    ...manifest.layers.map((l) => l.digest),
    ...others,
  ];
  const { layers } = await shelf.release(image.chain, blobs);
  const items: ImageDeleteResponseItem[] = [{ Deleted: image.id }, ...layers.map((layer) => ({ Deleted: layer }))];
  const parent = withParents ? catalog.readable().find((other) => other.id === record.parent) : undefined;
  const isLoose =
    parent &&
    catalog.namesOf(parent.id).length === 0 &&
    sources.usersOf(parent.id).length === 0 &&
    !catalog.readable().some((other) => other.record.parent === parent.id);
  return isLoose ? [...items, ...(await erase(shelf, parent, true, sources))] : items;
}

/** Deletes dangling images, or with the filter `dangling=false` all that no container uses. */
export async function prune(shelf: Shelf, sources: QuerySources, filters: Filters): Promise<ImagePruneResponse> {
  const { catalog } = shelf;
  const all = (filters.get("dangling") ?? []).some((value) => value === "false" || value === "0");
  const rest = new Map([...filters].filter(([key]) => key !== "dangling"));
  parseUntil(filters.get("until"));
  const accepts = filterOf(sources, rest);
  const deleted: ImageDeleteResponseItem[] = [];
  let bytes = 0;
  for (const image of catalog.readable()) {
    const names = catalog.namesOf(image.id);
    const isDangling = names.every((name) => name.tag === null);
    if (!accepts(image, names) || (!all && !isDangling) || sources.usersOf(image.id).length > 0) continue;
    const sizes = new Map<string, number>();
    for (const id of image.chain) if (shelf.snapshots.hasLayer(id)) sizes.set(id, await shelf.snapshots.layerSize(id));
    try {
      const items = await remove(shelf, sources, image.id, { force: true, noprune: false, platforms: [] });
      for (const { Deleted } of items) bytes += sizes.get(Deleted ?? "") ?? 0;
      deleted.push(...items);
    } catch (error) {
      if (!isKind(error, "conflict", "notFound")) throw error;
    }
  }
  shelf.catalog.emit("prune", "", { reclaimed: String(bytes) });
  return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: bytes };
}
