/** `RUN --mount`: what lies on a step's root while its command runs. */
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalidArgument } from "../../lib/errors.ts";
import { failPoint } from "../../lib/fail-point.ts";
import type { Operation } from "../../lib/operation.ts";
import { isErrno } from "../../linux/syscall-error.ts";
import type { OciMount } from "../../runtime/spec/oci.ts";
import { mountOverlay } from "../../snapshots/overlay-mount.ts";
import { pinSubpath, unpin } from "../../volumes/pins.ts";
import type { CacheMounts } from "../cache/cache-mounts.ts";
import type { BuilderOptions } from "../collaborators.ts";
import type { RunMount, RunWork } from "../dockerfile/plan/plan.ts";
import type { InputRoots } from "../solver/input-roots.ts";
import { resolveInside } from "./inside.ts";
import { StepRoot, topOf } from "./step-root.ts";

export interface MountParts extends Pick<BuilderOptions, "images" | "snapshots" | "paths"> {
  readonly cacheMounts: CacheMounts;
  readonly inputs: InputRoots;
  /** A directory of the build's, for what is written to files of the context and thrown away. */
  readonly scratch: string;
  /** Copies what is in the directory `path` of `root` to `target`. */
  copyUp(root: string, path: string, target: string, op: Operation): Promise<void>;
}

/** Runs `body` with the mounts of a RUN in place; they are gone when it has ended. */
export async function withMounts<T>(
  parts: MountParts,
  work: RunWork,
  root: StepRoot,
  op: Operation,
  body: (mounts: readonly OciMount[]) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const pins = join(root.directory, "pins");
  stack.defer(() => unpin(pins));
  const lay = async (index: number, laid: readonly OciMount[]): Promise<T> => {
    const mount = work.mounts[index];
    if (mount === undefined) return await body(laid);
    if (isLent(mount)) return await lay(index + 1, laid);
    if (mount.type !== "cache") {
      return await lay(index + 1, [...laid, await layOne(parts, mount, index, { root, stack }, op)]);
    }
    const begin = (path: string): Promise<void> => fill(parts, mount, path, op);
    return await parts.cacheMounts.with(mount, await seedOf(parts, mount), begin, async ({ path }) => {
      return await lay(index + 1, [...laid, bind(await placeIn(path, mount, pins), mount.target, mount.isReadOnly)]);
    });
  };
  return await lay(0, []);
}

type LentMount = Extract<RunMount, { readonly type: "secret" | "ssh" }>;

/** These are the caller's, and laid by `LentFiles`. */
const isLent = (mount: RunMount): mount is LentMount => mount.type === "secret" || mount.type === "ssh";

const bind = (source: string, destination: string, isReadOnly: boolean): OciMount => ({
  type: "bind",
  source,
  destination,
  options: ["rbind", "rprivate", ...(isReadOnly ? ["ro"] : [])],
});

type CacheMount = Extract<RunMount, { readonly type: "cache" }>;

/** What tells the tree that a cache begins with; "" for nothing. */
async function seedOf({ inputs }: MountParts, { input }: CacheMount): Promise<string> {
  if (input.from === "scratch") return "";
  const source = await inputs.source(input);
  return source.kind === "tree" ? `tree ${topOf(source.tree) ?? ""}` : "files";
}

/**
 * A cache begins as a directory of a tree, whose owner and mode are its own; or with nothing, and what is said of owner and mode.
 * Where that is said of a whole tree, BuildKit takes nothing of it.
 */
async function fill({ inputs, copyUp }: MountParts, mount: CacheMount, path: string, op: Operation): Promise<void> {
  const { input, source, uid, gid, mode } = mount;
  const hasOwnRights = source === "/" && (uid !== null || gid !== null || mode !== null);
  if (input.from !== "scratch" && !hasOwnRights) {
    const tree = await inputs.pathOf(input);
    const from = resolveInside(tree, source);
    if (from === null) throw invalidArgument(`"${source}": not found`);
    await copyUp(tree, source, path, op);
    const stat = statSync(from);
    chownSync(path, stat.uid, stat.gid);
    chmodSync(path, stat.mode & 0o7777);
    return;
  }
  chownSync(path, uid ?? 0, gid ?? 0);
  chmodSync(path, mode ?? 0o755);
}

/** Without a tree to begin with, `source` is a directory inside of the cache, which other steps change meanwhile: it is held. */
async function placeIn(path: string, { input, source }: CacheMount, pins: string): Promise<string> {
  return input.from !== "scratch" || source === "/" ? path : await pinSubpath(path, `.${source}`, pins);
}

async function layOne(
  parts: MountParts,
  mount: Exclude<RunMount, LentMount | { readonly type: "cache" }>,
  index: number,
  place: Place,
  op: Operation,
): Promise<OciMount> {
  switch (mount.type) {
    case "bind":
      return await layBind(parts, mount, place, op);
    case "tmpfs": {
      const size = mount.size === null ? [] : [`size=${mount.size}`];
      return { type: "tmpfs", source: "tmpfs", destination: mount.target, options: ["nosuid", ...size] };
    }
    case "script": {
      const path = join(place.root.directory, `script-${index}`);
      writeFileSync(path, mount.text, { mode: 0o755 });
      return bind(path, mount.target, true);
    }
  }
}

/** The step's root, and what is undone when its command has ended. */
interface Place {
  readonly root: StepRoot;
  readonly stack: AsyncDisposableStack;
}

type BindMount = Extract<RunMount, { readonly type: "bind" }>;

async function layBind(parts: MountParts, mount: BindMount, { stack }: Place, op: Operation): Promise<OciMount> {
  const tree = mount.isReadOnly ? await parts.inputs.pathOf(mount.input) : await writable(parts, mount, stack, op);
  const source = resolveInside(tree, mount.source);
  if (source === null) throw invalidArgument(`"${mount.source}": not found`);
  return bind(source, mount.target, mount.isReadOnly);
}

/** A tree of one's own that shows the input; what is written there is thrown away. */
async function writable(
  parts: MountParts,
  { input }: BindMount,
  stack: AsyncDisposableStack,
  op: Operation,
): Promise<string> {
  const source = await parts.inputs.source(input);
  if (source.kind === "tree") return stack.use(await StepRoot.open(parts, source.tree)).path;
  const name = randomBytes(32).toString("hex");
  const [upper, work] = ["upper", "work"].map((part) => join(parts.scratch, name, part)) as [string, string];
  // Where the roots of steps are, so that the next engine unmounts what a crash leaves.
  const merged = join(parts.paths.rootfs, name);
  for (const path of [upper, work, merged]) mkdirSync(path, { recursive: true, mode: 0o755 });
  stack.defer(() => parts.snapshots.unmount(merged));
  try {
    mountOverlay(merged, { lower: [source.path], writable: { upper, work, volatile: false } });
  } catch (error) {
    // Some kernels and file systems cannot: then it is a copy.
    if (!isErrno(error, "ENODEV", "EINVAL", "EPERM")) throw error;
    await parts.copyUp(source.path, "/", upper, op);
    return upper;
  }
  failPoint("builder.run.writable");
  return merged;
}
