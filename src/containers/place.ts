/** Where a path of a container is on the host. */
import { lstatSync, readlinkSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { isErrno } from "../linux/syscall-error.ts";
import type { ResolvedMount } from "../volumes/mounts.ts";
import type { Container } from "./container.ts";
import { type Context, pathsOf } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";

/** A root, and the path inside it. */
export interface Place {
  readonly root: string;
  readonly path: string;
  /** What the user calls the path, where its own last component is another name. */
  readonly name?: string;
  /** The innermost mount that the path lies in; none is the root file system. */
  readonly mount: ResolvedMount | undefined;
}

const maxLinks = 40;

/**
 * A running container's root is what its process sees, volumes included. A stopped one's has no mounts: a path in one is looked
 * up in the mount's source, also where links lead there, the last of them only when `follow` or a slash at the end says so.
 */
export function placeOf(ctx: Context, container: Container, path: string, follow = false): Place {
  const { record } = container;
  const clean = posix.normalize(posix.join("/", path));
  if (hasProcess(container.status)) {
    return { root: `/proc/${record.state.pid}/root`, path, mount: mountAt(record.mounts, clean) };
  }
  const { rootfs } = pathsOf(ctx, record.id);
  const mounts = record.mounts.filter(({ type }) => type !== "tmpfs");
  if (mounts.length === 0) return { root: rootfs, path, mount: undefined };
  const wanted = clean.replace(/(?<=.)\/$/, "");
  const resolved = resolveLinks(rootfs, mounts, wanted, follow || /\/\.?$/.test(path));
  const mount = mountAt(mounts, resolved);
  // An image's tree is made for a start only.
  if (!mount || mount.type === "image") return { root: rootfs, path, mount };
  const rest = posix.relative(mount.destination, resolved);
  const { source } = mount;
  const contents = /\/\.$/.test(path);
  const name = contents ? "." : basename(wanted);
  // A file that is mounted is no root: its directory is.
  if (rest === "" && mount.type === "bind" && !lstatSync(source).isDirectory()) {
    return { root: dirname(source), path: basename(source), name, mount };
  }
  // The whole volume is the root, so that no link in it leads out, be it on the way to the subpath.
  const below = posix.join("/", mount.subpath, rest);
  return { root: source, path: `${below}${contents ? "/." : path.endsWith("/") ? "/" : ""}`, name, mount };
}

/**
 * `path` with the links of the stopped container's root in it replaced, as far as the first mount. Nothing runs in there, and no
 * component is passed before it is known to be no link, so that the walk stays inside.
 */
function resolveLinks(rootfs: string, mounts: readonly ResolvedMount[], path: string, last: boolean): string {
  let resolved = "/";
  let left = path.split("/").filter((part) => part !== "");
  for (let links = 0; left.length > 0; ) {
    const [part = "", ...rest] = left;
    const next = posix.join(resolved, part);
    if (mountAt(mounts, next)) return posix.join(next, ...rest);
    const target = rest.length === 0 && !last ? null : linkAt(join(rootfs, next));
    if (target !== null && ++links <= maxLinks) {
      left = [
        ...posix
          .join(target.startsWith("/") ? "/" : resolved, target)
          .split("/")
          .filter(Boolean),
        ...rest,
      ];
      resolved = "/";
    } else {
      resolved = next;
      left = rest;
    }
  }
  return resolved;
}

/** The target of a link; null for anything else, what is not there among it. */
function linkAt(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}

/** The innermost mount that `path` lies in. */
function mountAt(mounts: readonly ResolvedMount[], path: string): ResolvedMount | undefined {
  return mounts
    .filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
}
