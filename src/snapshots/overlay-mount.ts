/** Mounting overlayfs with as many layers as there are. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, close, O_DIRECTORY, O_PATH, openAt } from "../linux/file.ts";
import { MS_RDONLY, mount } from "../linux/mount.ts";

export interface OverlayMount {
  /** Topmost first; at least one, and two where nothing is writable. */
  readonly lower: readonly string[];
  /** Null for a read-only mount. */
  readonly writable: { readonly upper: string; readonly work: string; readonly volatile: boolean } | null;
}

/** mount(2) takes one page of options. */
const optionLimit = 4000;

/** Features whose marks in the upper layer nobody but this kernel would understand are kept off, where it has them. */
let featureOptions: string | null = null;
function features(): string {
  featureOptions ??= ["index", "redirect_dir", "metacopy"]
    .filter((name) => existsSync(`/sys/module/overlay/parameters/${name}`))
    .map((name) => `,${name}=off`)
    .join("");
  return featureOptions;
}

/**
 * Mounts at `target`. Paths that are too long together, or that hold characters the option string gives a meaning to,
 * are named by descriptors instead: 127 layers then take some 2,400 bytes.
 */
export function mountOverlay(target: string, what: OverlayMount): void {
  const { lower, writable } = what;
  const paths = [...lower, ...(writable ? [writable.upper, writable.work] : [])];
  const flags = writable ? 0 : MS_RDONLY;
  const options = (names: readonly string[]): string => optionText(names, writable);
  const plain = options(paths);
  if (plain.length < optionLimit && !paths.some((path) => /[:,\\]/.test(path))) {
    mount("overlay", target, "overlay", flags, plain);
    return;
  }
  const descriptors = paths.map((path) => openAt(AT_FDCWD, path, O_PATH | O_DIRECTORY));
  try {
    const byDescriptor = descriptors.map((fd) => `/proc/self/fd/${fd}`);
    mount("overlay", target, "overlay", flags, options(byDescriptor));
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
