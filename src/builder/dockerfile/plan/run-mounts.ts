/** The mounts of RUN, their variables put in and what they come from settled. */
import { posix } from "node:path";
import { invalidArgument } from "../../../lib/errors.ts";
import { printf } from "../../../lib/go-template/printf.ts";
import { type Mount, readMount } from "../instructions/mount.ts";
import type { Run } from "../instructions/run.ts";
import { placeOf } from "../syntax/statement.ts";
import { located } from "../text/dockerfile-error.ts";
import { insideRoot, withoutSlash } from "./paths.ts";
import type { Input, RunMount } from "./plan.ts";
import type { StageState } from "./stage-state.ts";

/** What mounts are made of. */
interface MountContext {
  /** What the `from` of the mount at `index` names, null where it has none; `target` is for the message. */
  readonly inputOf: (index: number, target: string) => Input | null;
  readonly cacheNamespace: string;
}

/** Answers the mounts of one RUN; throws DockerfileError. */
export function runMounts(stage: StageState, { mounts, statement }: Run, context: MountContext): RunMount[] {
  return mounts.map((text, index): RunMount => {
    return located(
      [statement.range],
      () => placeOf(statement, text),
      () => {
        const mount = readMount(text, (word) => stage.expand(word, statement));
        const input = context.inputOf(index, mount.target);
        return mount.type === "cache"
          ? cacheMount(mount, targetIn(stage, mount), { input, namespace: context.cacheNamespace })
          : otherMount(stage, { ...mount, type: mount.type }, input);
      },
    );
  });
}

type OtherMount = Mount & { readonly type: Exclude<Mount["type"], "cache"> };

function otherMount(stage: StageState, mount: OtherMount, input: Input | null): RunMount {
  switch (mount.type) {
    case "secret":
      return secretMount(stage, mount);
    case "ssh": {
      const target = mount.target === "" ? null : targetIn(stage, mount);
      return { type: "ssh", id: mount.id || "default", target, ...rights(mount) };
    }
    case "tmpfs":
      return { type: "tmpfs", target: targetIn(stage, mount), size: mount.size };
    case "bind": {
      const source = insideRoot(mount.source);
      const from: Input = input ?? { from: "context" };
      return { type: "bind", target: targetIn(stage, mount), input: from, source, isReadOnly: mount.isReadOnly };
    }
  }
}

type Rights = Pick<Mount, "isRequired" | "uid" | "gid" | "mode">;

function rights({ isRequired, uid, gid, mode }: Mount): Rights {
  return { isRequired, uid, gid, mode };
}

function secretMount(stage: StageState, mount: Mount): RunMount {
  const id = mount.source || mount.id || posix.basename(mount.target);
  // A secret that becomes a variable is a file only where it has a target.
  const usual = mount.env === null ? `/run/secrets/${posix.basename(id)}` : null;
  const target = mount.target === "" ? usual : targetIn(stage, mount);
  return { type: "secret", id, target, env: mount.env, ...rights(mount) };
}

interface CacheOrigin {
  readonly input: Input | null;
  readonly namespace: string;
}

function cacheMount(mount: Mount, target: string, { input, namespace }: CacheOrigin): RunMount {
  const { isReadOnly, uid, gid, mode } = mount;
  return {
    type: "cache",
    target,
    id: `${namespace}/${mount.id || posix.normalize(mount.target || ".")}`,
    sharing: mount.sharing ?? "shared",
    isReadOnly,
    input: input ?? { from: "scratch" },
    source: insideRoot(mount.source),
    uid,
    gid,
    mode,
  };
}

function targetIn(stage: StageState, { target }: Mount): string {
  const absolute = target.startsWith("/")
    ? posix.normalize(target)
    : posix.join("/", stage.settings.WorkingDir, target);
  const clean = withoutSlash(absolute);
  if (clean === "/") throw invalidArgument(`invalid mount target ${printf("%q", [clean])}`);
  return clean;
}
