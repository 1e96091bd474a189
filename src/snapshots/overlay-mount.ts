/** Mounting overlayfs with as many layers as there are. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../linux/file.ts";
import { MS_RDONLY, mount } from "../linux/mount.ts";
import type { MountLine } from "../linux/mountinfo.ts";

export interface OverlayMount {
  /** Topmost first; at least one, and two where nothing is writable. */
  readonly lower: readonly string[];
  /** Null for a read-only mount. */
  readonly writable: { readonly upper: string; readonly work: string; readonly volatile: boolean } | null;
}

/** mount(2) takes one page of options. */
const optionLimit = 4000;

/** What gives a path's character a meaning in the option string. */
const special = /[:,\\]/;

/** Features whose marks in the upper layer nobody but this kernel would understand are kept off, where it has them. */
let featureOptions: string | null = null;
function features(): string {
  featureOptions ??= ["index", "redirect_dir", "metacopy"]
    .filter((name) => existsSync(`/sys/module/overlay/parameters/${name}`))
    .map((name) => `,${name}=off`)
    .join("");
  return featureOptions;
}

const descriptorDirectory = "/proc/self/fd/";

/**
 * Where the overlay over `upper` is mounted whole and bare to view, `null` where it is not. One whose upper path was named by a
 * descriptor is believed to be that of the namespace's root.
 */
export function overlayPoint(mounts: readonly MountLine[], upper: string): string | null {
  const overlays = mounts.filter(({ type, root }) => type === "overlay" && root === "/");
  const isCovered = ({ id, point }: MountLine): boolean =>
    mounts.some((other) => other.parent === id && other.point === point && other.id !== id);
  const named = overlays.filter((line) => line.options.includes(`upperdir=${upper}`) && !isCovered(line));
  const found = named.find(({ point }) => point === "/") ?? named[0];
  const unnamed = ({ point, options }: MountLine): boolean =>
    point === "/" && options.some((option) => option.startsWith(`upperdir=${descriptorDirectory}`));
  return (found ?? overlays.find((line) => unnamed(line) && !isCovered(line)))?.point ?? null;
}

/**
 * Mounts at `target`. Paths that are too long together, or that hold characters the option string gives a meaning to,
 * are named by descriptors instead: 127 layers then take some 2,400 bytes. {@link overlayPoint} knows a mount by its upper path,
 * which therefore keeps its name where it can.
 */
export function mountOverlay(target: string, what: OverlayMount): void {
  const { lower, writable } = what;
  const paths = [...lower, ...(writable ? [writable.upper, writable.work] : [])];
  const flags = writable ? 0 : MS_RDONLY;
  const options = (names: readonly string[]): string => optionText(names, writable);
  const plain = options(paths);
  if (plain.length < optionLimit && !paths.some((path) => special.test(path))) {
    mount("overlay", target, "overlay", flags, plain);
    return;
  }
  const descriptors = paths.map((path) => openAt(AT_FDCWD, path, O_PATH | O_DIRECTORY));
  try {
    const names = descriptors.map((fd, at) => {
      const path = at < lower.length ? "" : (paths[at] ?? "");
      return path === "" || special.test(path) ? `${descriptorDirectory}${fd}` : path;
    });
    mount("overlay", target, "overlay", flags, options(names));
  } finally {
    for (const fd of descriptors) close(fd);
  }
}

function optionText(paths: readonly string[], writable: OverlayMount["writable"]): string {
  if (!writable) return `lowerdir=${paths.join(":")}`;
  const lower = paths.slice(0, -2).join(":");
  const volatile = writable.volatile ? ",volatile" : "";
  return `lowerdir=${lower},upperdir=${paths.at(-2)},workdir=${paths.at(-1)}${features()}${volatile}`;
}

/** overlayfs refuses a second mount of a `volatile` upper directory until this mark is gone. */
export const volatileMark = (work: string): string => join(work, "work", "incompat");
