/** `RUN --mount`: what lies on a step's root while its command runs. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalidArgument, notFound } from "../../lib/errors.ts";
import type { Operation } from "../../lib/operation.ts";
import { unmount } from "../../linux/mount.ts";
import type { OciMount } from "../../runtime/spec/oci.ts";
import { mountOverlay } from "../../snapshots/overlay-mount.ts";
import type { CacheMounts } from "../cache/cache-mounts.ts";
import type { BuilderOptions } from "../collaborators.ts";
import type { RunMount, RunWork } from "../dockerfile/plan/plan.ts";
import type { InputRoots } from "../solver/input-roots.ts";
import { resolveInside } from "./inside.ts";
import { StepRoot } from "./step-root.ts";

export interface MountParts extends Pick<BuilderOptions, "images" | "snapshots" | "paths"> {
  readonly cacheMounts: CacheMounts;
  readonly inputs: InputRoots;
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
  const lay = async (index: number, laid: readonly OciMount[]): Promise<T> => {
    const mount = work.mounts[index];
    if (mount === undefined) return await body(laid);
    if (mount.type !== "cache") {
      const one = await layOne(parts, mount, index, root, stack);
      return await lay(index + 1, one === null ? laid : [...laid, one]);
    }
    return await parts.cacheMounts.with(mount, async ({ path, isNew }) => {
      if (isNew) await fill(parts, mount, path, op);
      return await lay(index + 1, [...laid, bind(path, mount.target, mount.isReadOnly)]);
    });
  };
  return await lay(0, []);
}

const bind = (source: string, destination: string, isReadOnly: boolean): OciMount => ({
  type: "bind",
  source,
  destination,
  options: ["rbind", "rprivate", ...(isReadOnly ? ["ro"] : [])],
});

async function fill(
  { inputs, copyUp }: MountParts,
  mount: Extract<RunMount, { readonly type: "cache" }>,
  path: string,
  op: Operation,
): Promise<void> {
  if (mount.input.from !== "scratch") await copyUp(await inputs.pathOf(mount.input), mount.source, path, op);
  chownSync(path, mount.uid ?? 0, mount.gid ?? 0);
  chmodSync(path, mount.mode ?? 0o755);
}

async function layOne(
  parts: MountParts,
  mount: Exclude<RunMount, { readonly type: "cache" }>,
  index: number,
  root: StepRoot,
  stack: AsyncDisposableStack,
): Promise<OciMount | null> {
  switch (mount.type) {
    case "bind":
      return await layBind(parts, mount, index, root, stack);
    case "tmpfs": {
      const size = mount.size === null ? [] : [`size=${mount.size}`];
      return { type: "tmpfs", source: "tmpfs", destination: mount.target, options: ["nosuid", "noexec", ...size] };
    }
    case "script": {
      const path = join(root.directory, `script-${index}`);
      writeFileSync(path, mount.text, { mode: 0o755 });
      return bind(path, mount.target, true);
    }
    case "secret":
      if (mount.isRequired) throw notFound(`secret ${mount.id}: not found`);
      return null;
    case "ssh":
      if (mount.isRequired) throw notFound(`unset ssh forward key ${mount.id}`);
      return null;
  }
}

async function layBind(
  parts: MountParts,
  mount: Extract<RunMount, { readonly type: "bind" }>,
  index: number,
  root: StepRoot,
  stack: AsyncDisposableStack,
): Promise<OciMount> {
  const tree = mount.isReadOnly
    ? await parts.inputs.pathOf(mount.input)
    : await writable(parts, mount, index, root, stack);
  const source = resolveInside(tree, mount.source);
  if (source === null) throw invalidArgument(`"${mount.source}": not found`);
  return bind(source, mount.target, mount.isReadOnly);
}

/** A tree of one's own that shows the input; what is written there is thrown away. */
async function writable(
  parts: MountParts,
  mount: Extract<RunMount, { readonly type: "bind" }>,
  index: number,
  root: StepRoot,
  stack: AsyncDisposableStack,
): Promise<string> {
  const source = await parts.inputs.source(mount.input);
  if (source.kind === "tree") return stack.use(await StepRoot.open(parts, source.tree)).path;
  const directory = join(root.directory, `writable-${index}`);
  const [upper, work, merged] = ["upper", "work", "merged"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [upper, work, merged]) mkdirSync(path, { recursive: true });
  mountOverlay(merged, { lower: [source.path], writable: { upper, work, volatile: false } });
  stack.defer(() => void unmount(merged));
  return merged;
}
