import { basename, dirname, join, posix } from "node:path";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { FilesystemChange } from "../api/containers.ts";
import { forbidden, invalidArgument, isKind, notFound } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import type { PathStat } from "../snapshots/archive.ts";
import { mountAttributes, type ResolvedMount } from "../volumes/mounts.ts";
import type { Container } from "./container.ts";
import { type Context, emit, pathsOf } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";

/** Where a path of the container is on the host: a root, and the path inside it. */
interface Place {
  readonly root: string;
  readonly path: string;
  readonly readOnly: boolean;
}

/** What `docker cp` asks of a path. */
export function statPath(ctx: Context, container: Container, path: string, op: Operation): Promise<PathStat> {
  return withPlace(ctx, container, path, (place) =>
    tellingVolumes(ctx, container, () => named(container, path, ctx.archives.statPath(place.root, place.path, op))),
  );
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
      const { stat, tar } = await named(container, path, ctx.archives.readArchive(place.root, place.path, op));
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
  await withPlace(ctx, container, path, async (place) => {
    if (place.readOnly) throw forbidden("mounted volume is marked read-only");
    if (container.record.hostConfig.ReadonlyRootfs && place.root === rootOf(ctx, container)) {
      throw forbidden("container rootfs is marked read-only");
    }
    await tellingVolumes(ctx, container, async () => {
      await named(container, path, ctx.archives.writeArchive(place.root, place.path, tar, options, op));
      failPoint("containers.archive.written");
      emit(ctx, container, "extract-to-dir");
    });
  });
}

/** The whole root as a tar. */
export async function exportContainer(ctx: Context, container: Container): Promise<Readable> {
  const tar = await untilRead(ctx, container, async () => {
    const stream = ctx.snapshots.treeTar(pathsOf(ctx, container.id).rootfs);
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

/** Not found, in Docker's words. */
async function named<T>(container: Container, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
    throw notFound(`Could not find the file ${path} in container ${container.name}`, { cause: error });
  }
}

/** Runs `body` with the root mounted: a running container's is, another's is mounted under its lock. */
async function withPlace<T>(
  ctx: Context,
  container: Container,
  path: string,
  body: (place: Place) => Promise<T>,
): Promise<T> {
  if (path === "") throw invalidArgument("bad format for parameter path: cannot be empty");
  if (hasProcess(container.status)) return body(placeOf(ctx, container, path));
  const { rootfs } = pathsOf(ctx, container.id);
  return container.lock.run(async () => {
    if (hasProcess(container.status)) return body(placeOf(ctx, container, path));
    await ctx.snapshots.mount(container.id, rootfs);
    try {
      failPoint("containers.archive.mounted");
      return await body(placeOf(ctx, container, path));
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

/** A running container's root is what its process sees, volumes included. */
function rootOf(ctx: Context, container: Container): string {
  return hasProcess(container.status) ? `/proc/${container.record.state.pid}/root` : pathsOf(ctx, container.id).rootfs;
}

function placeOf(ctx: Context, container: Container, path: string): Place {
  const root = rootOf(ctx, container);
  const clean = posix.normalize(posix.join("/", path));
  const mount = mountAt(container.record.mounts, clean);
  const readOnly = mount?.readOnly ?? false;
  if (hasProcess(container.status) || !mount || mount.type === "tmpfs") return { root, path, readOnly };
  const rest = posix.relative(mount.destination, clean);
  const source = join(mount.source, mount.subpath);
  if (rest === "" && mount.type === "bind") return { root: dirname(source), path: basename(source), readOnly };
  // A trailing `/.` means the content of the directory, and is kept.
  return { root: source, path: path.endsWith("/.") ? `${rest}/.` : rest || "/", readOnly };
}

/** The innermost mount that `path` lies in. */
function mountAt(mounts: readonly ResolvedMount[], path: string): ResolvedMount | undefined {
  return mounts
    .filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
}
