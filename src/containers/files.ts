import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { FilesystemChange } from "../api/containers.ts";
import { invalidArgument, isKind, notFound, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import type { PathStat } from "../snapshots/archive.ts";
import { mountAttributes } from "../volumes/mounts.ts";
import type { Container } from "./container.ts";
import { type Context, emit, pathsOf } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";
import { type Place, placeOf } from "./place.ts";
import { rootOf } from "./root.ts";

/** What `docker cp` asks of a path. */
export function statPath(ctx: Context, container: Container, path: string, op: Operation): Promise<PathStat> {
  return withPlace(ctx, container, path, (place) => tellingVolumes(ctx, container, () => statOf(ctx, place, op)));
}

/** Clients expect the volumes of a container to be mounted for each access to its files, whether or not they are already. */
async function tellingVolumes<T>(ctx: Context, container: Container, access: () => Promise<T>): Promise<T> {
  const volumes = container.record.mounts.filter(({ type }) => type === "volume");
  for (const mount of volumes) {
    ctx.events.emit({
      type: "volume",
      action: "mount",
      id: mount.name,
      attributes: mountAttributes(container.id, mount),
    });
  }
  try {
    return await access();
  } finally {
    for (const { name, driver } of volumes) {
      ctx.events.emit({
        type: "volume",
        action: "unmount",
        id: name,
        attributes: { container: container.id, driver },
      });
    }
  }
}

/** A path as a tar. The container's root stays mounted until the tar is read. */
export async function getArchive(
  ctx: Context,
  container: Container,
  path: string,
  op: Operation,
): Promise<{ stat: PathStat; tar: Readable }> {
  return untilRead(ctx, container, async () => {
    const place = placeOf(ctx, container, path);
    return tellingVolumes(ctx, container, async () => {
      const { stat, tar } = await ctx.archives.readArchive(place.root, place.path, op, { name: place.name });
      emit(ctx, container, "archive-path");
      return { value: { stat, tar }, stream: tar };
    });
  });
}

/** Unpacks a tar into a directory of the container. */
export async function putArchive(
  ctx: Context,
  container: Container,
  path: string,
  tar: Readable,
  options: { readonly noOverwriteDirNonDir: boolean },
  op: Operation,
): Promise<void> {
  const write = async (place: Place): Promise<void> => {
    await tellingVolumes(ctx, container, async () => {
      const refusal = readOnlyRefusal(container, place);
      // What is not there is told before what may not be written.
      if (refusal) await ctx.archives.statPath(place.root, `${place.path}/.`, op);
      if (refusal) throw refusal;
      await ctx.archives.writeArchive(place.root, place.path, tar, options, op);
      failPoint("containers.archive.written");
      emit(ctx, container, "extract-to-dir");
    });
  };
  await withPlace(ctx, container, path, write, { follow: true });
}

/** Why nothing may be written there; the status is dockerd's own. */
function readOnlyRefusal(container: Container, { mount }: Place): Error | null {
  if (mount?.readOnly) return invalidArgument("mounted volume is marked read-only");
  // A tmpfs is there while the container runs.
  const isRoot = mount === undefined || (mount.type === "tmpfs" && !hasProcess(container.status));
  const refused = isRoot && container.record.hostConfig.ReadonlyRootfs;
  return refused ? invalidArgument("container rootfs is marked read-only") : null;
}

async function statOf(ctx: Context, { root, path, name }: Place, op: Operation): Promise<PathStat> {
  const stat = await ctx.archives.statPath(root, path, op);
  return name === undefined ? stat : { ...stat, name };
}

/** The whole root as a tar. */
export async function exportContainer(ctx: Context, container: Container): Promise<Readable> {
  // Volumes and secrets are no part of it.
  if (container.root?.bare === false) {
    throw systemError(
      `the root of ${container.id} is seen with its mounts only: it can be exported once it is stopped`,
    );
  }
  const tar = await untilRead(ctx, container, async () => {
    const stream = ctx.snapshots.treeTar(rootOf(ctx, container));
    return { value: stream, stream };
  });
  emit(ctx, container, "export");
  return tar;
}

/** What the container changed against its image. */
export async function changesOf(ctx: Context, container: Container): Promise<FilesystemChange[]> {
  const changes: FilesystemChange[] = [];
  for await (const { path, kind } of ctx.snapshots.changes(container.id)) {
    changes.push({ Path: path.toString("utf8"), Kind: kind });
  }
  return changes;
}

/** A path that is not found, in Docker's words: `ref` is how the client has called the container. */
export async function namingFile<T>(ref: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
    throw notFound(`Could not find the file ${path} in container ${ref}`, { cause: error });
  }
}

/** Runs `body` with the root mounted: a running container's is, another's is mounted under its lock. */
async function withPlace<T>(
  ctx: Context,
  container: Container,
  path: string,
  body: (place: Place) => Promise<T>,
  { follow = false }: { readonly follow?: boolean } = {},
): Promise<T> {
  if (path === "") throw invalidArgument("bad format for parameter path: cannot be empty");
  if (hasProcess(container.status)) return body(placeOf(ctx, container, path, follow));
  const { rootfs } = pathsOf(ctx, container.id);
  return container.lock.run(async () => {
    if (hasProcess(container.status)) return body(placeOf(ctx, container, path, follow));
    await ctx.snapshots.mount(container.id, rootfs);
    try {
      failPoint("containers.archive.mounted");
      return await body(placeOf(ctx, container, path, follow));
    } finally {
      await ctx.snapshots.unmount(rootfs);
    }
  });
}

/** As {@link withPlace}, the root staying mounted (and the container locked) until `stream` ends or is destroyed. */
async function untilRead<T>(
  ctx: Context,
  container: Container,
  open: () => Promise<{ value: T; stream: Readable }>,
): Promise<T> {
  if (hasProcess(container.status)) return (await open()).value;
  const opened = Promise.withResolvers<T>();
  const { rootfs } = pathsOf(ctx, container.id);
  const held = container.lock.run(async () => {
    const mounts = !hasProcess(container.status);
    if (mounts) await ctx.snapshots.mount(container.id, rootfs);
    try {
      failPoint("containers.archive.mounted");
      const { value, stream } = await open();
      opened.resolve(value);
      await finished(stream).catch(() => {});
    } finally {
      if (mounts) await ctx.snapshots.unmount(rootfs);
    }
  });
  held.catch((error) => opened.reject(error));
  return opened.promise;
}
