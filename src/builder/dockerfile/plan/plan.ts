/**
 * A build as data: what a solver carries out. It knows nothing of files, images or processes; it names them.
 *
 * A plan holds the stages that its target needs, each behind those it takes anything from. A stage begins at its `base` and
 * goes through its `steps` in order; each step's `work`, where it has any, turns the file system of the step before it into
 * the next one. What else a step reads are its inputs ({@link inputsOf} in key.ts): other stages by their index in the file,
 * images by reference, the build's context, named contexts. `image` is the configuration of what the stage ends as, complete
 * but for what only the solver knows (layers, times).
 *
 * So a solver: resolves the inputs of a step to their keys, hashes them with `keyText(step)`, looks that up, and else does
 * the work. Stages, and steps whose inputs are there, can go side by side.
 */
import type { ContainerConfig } from "../../../api/containers.ts";
import type { Platform } from "../../../lib/platform.ts";
import type { Credentials } from "../../../lib/url-credentials.ts";
import type { Device } from "../instructions/device.ts";
import type { Sharing } from "../instructions/mount.ts";
import type { RunNetwork, RunSecurity } from "../instructions/run.ts";
import type { LintWarning } from "../lint/linter.ts";
import type { Range } from "../text/source.ts";
import type { Frontend } from "./build-args.ts";
import type { Outline } from "./outline.ts";

export interface BuildPlan {
  /** Those that are needed, in the order of the file. */
  readonly stages: readonly StagePlan[];
  /** The stage that is asked for. */
  readonly target: StagePlan;
  readonly warnings: readonly LintWarning[];
  /** What is read of the build's context: clean paths that begin with a slash, and may be patterns. Null is all of it. */
  readonly contextPaths: readonly string[] | null;
  /** Build arguments that no ARG asks for. */
  readonly unusedBuildArgs: readonly string[];
  readonly frontend: Frontend;
  /** What the build could be given: for `--call outline`. */
  readonly outline: Outline;
}

export interface StagePlan {
  /** Its place in the file, from 0. */
  readonly index: number;
  /** As it is named, or `stage-2`. */
  readonly name: string;
  /** What progress shows for its base: `[build 1/4] FROM docker.io/library/debian@sha256:…`. */
  readonly label: string;
  readonly range: Range;
  readonly platform: Platform;
  readonly base: Input;
  readonly steps: readonly Step[];
  readonly image: ImageConfiguration;
  /** Its steps are carried out whatever the cache holds. */
  readonly ignoresCache: boolean;
}

/** Where files come from. */
export type Input =
  | { readonly from: "scratch" }
  /** The end of another stage of the plan, by its index in the file. */
  | { readonly from: "stage"; readonly stage: number }
  /** `reference` in full, with a digest where one is known. */
  | { readonly from: "image"; readonly reference: string; readonly platform: Platform }
  /** The build's own context. */
  | { readonly from: "context" }
  /** `--build-context NAME=…`, of which the solver knows what it is. */
  | { readonly from: "named"; readonly name: string };

/** One instruction carried out. */
export interface Step {
  /** In capitals. */
  readonly instruction: string;
  /** What progress shows: `[build 2/4] RUN make`. Without credentials. */
  readonly label: string;
  readonly range: Range;
  /** It stands in ONBUILD of the base. */
  readonly isTrigger: boolean;
  /** What it does to files; null where it changes the configuration only. */
  readonly work: Work | null;
  /** The settings of the image that it changes, as they are afterwards. */
  readonly change: Partial<ImageSettings>;
  /** Its row in the image's history; ONBUILD has none. */
  readonly history: HistoryRow | null;
}

export type Work = RunWork | CopyWork | MakeDirectoryWork;

export interface RunWork {
  readonly kind: "run";
  /** The whole command line, the shell's part included. */
  readonly args: readonly string[];
  /** `NAME=value`, from ENV and ARG. */
  readonly env: readonly string[];
  readonly directory: string;
  /** `user[:group]`, names or ids; "" is root. */
  readonly user: string;
  readonly mounts: readonly RunMount[];
  readonly network: RunNetwork;
  /** `insecure` needs a grant. */
  readonly security: RunSecurity;
  readonly devices: readonly Device[];
  readonly platform: Platform;
  /** What the host is called in it; absent is the builder's own choice. */
  readonly hostname?: string;
}

/** Ids and mode of what is mounted; null where nothing was said. */
interface Ownership {
  readonly uid: number | null;
  readonly gid: number | null;
  readonly mode: number | null;
}

/** What RUN finds in its file system besides that of the step before; targets are absolute. */
export type RunMount =
  | {
      readonly type: "bind";
      readonly target: string;
      readonly input: Input;
      /** Inside the input. */
      readonly source: string;
      /** What is written to one that is not, is thrown away. */
      readonly isReadOnly: boolean;
    }
  | ({
      readonly type: "cache";
      readonly target: string;
      /** With its namespace, `/` between. */
      readonly id: string;
      readonly sharing: Sharing;
      readonly isReadOnly: boolean;
      /** What a new cache begins with. */
      readonly input: Input;
      readonly source: string;
    } & Ownership)
  | { readonly type: "tmpfs"; readonly target: string; readonly size: number | null }
  /** A file, a variable, or both; a secret that is not given and not required is left out. */
  | ({
      readonly type: "secret";
      readonly id: string;
      readonly target: string | null;
      readonly env: string | null;
      readonly isRequired: boolean;
    } & Ownership)
  /** An agent's socket; without a target where SSH_AUTH_SOCK says. */
  | ({
      readonly type: "ssh";
      readonly id: string;
      readonly target: string | null;
      readonly isRequired: boolean;
    } & Ownership)
  /** A script of the Dockerfile, read-only and executable. */
  | { readonly type: "script"; readonly target: string; readonly text: string };

export interface CopyWork {
  readonly kind: "copy";
  readonly sources: readonly CopySource[];
  /** Absolute and clean; a directory where it ends with a slash. Made where it is not, 0755 and root's. */
  readonly destination: string;
  /** `user[:group]` in the destination's file system; null is root, or what an archive says. */
  readonly owner: string | null;
  /** A mode, or a change of modes such as `u=rwX,go=rX`; null leaves them. */
  readonly mode: number | string | null;
  /** A layer that does not depend on those below it. */
  readonly isLink: boolean;
  /** Patterns as in .dockerignore, against paths inside the source. */
  readonly exclude: readonly string[];
}

export type CopySource =
  | {
      readonly kind: "files";
      readonly input: Input;
      /** Absolute, clean, and never above the input's root; may be a pattern (Go's path.Match). Of a directory the content is meant. */
      readonly path: string;
      /** `--parents`: only what matches, relative to `path`, which stays as directories; null is everything. */
      readonly only: string | null;
      /** It must exist, or the build fails: true for every path that is no pattern. */
      readonly isRequired: boolean;
      /** Archives are unpacked. */
      readonly unpacks: boolean;
    }
  | {
      readonly kind: "http";
      readonly url: string;
      /** They are no part of keys, labels and history. */
      readonly credentials: Credentials | null;
      /** Its name where the destination is a directory. */
      readonly fileName: string;
      readonly checksum: string | null;
      readonly unpacks: boolean;
    }
  | {
      readonly kind: "git";
      /** Without credentials, query and fragment. */
      readonly remote: string;
      readonly credentials: Credentials | null;
      /** Branch, tag or commit; "" is the remote's HEAD. */
      readonly ref: string;
      /** Inside the repository; "" is its root. */
      readonly subdirectory: string;
      /** The commit that `ref` must be. */
      readonly checksum: string | null;
      readonly keepsGitDirectory: boolean;
      readonly submodules: boolean;
    }
  /** A file whose text stands in the Dockerfile, 0644. */
  | { readonly kind: "inline"; readonly name: string; readonly text: string };

/** WORKDIR: the directory and those above it where they are not. */
export interface MakeDirectoryWork {
  readonly kind: "directory";
  readonly path: string;
  /** `user[:group]`; null is root. */
  readonly owner: string | null;
}

/** The settings of an image that instructions change, in the image configuration's own words. */
export type ImageSettings = Readonly<
  Pick<
    ContainerConfig,
    | "User"
    | "ExposedPorts"
    | "Volumes"
    | "WorkingDir"
    | "Labels"
    | "StopSignal"
    | "ArgsEscaped"
    | "Shell"
    | "Healthcheck"
  >
> & {
  readonly Env: readonly string[];
  readonly OnBuild: readonly string[];
  readonly Cmd: readonly string[] | null;
  readonly Entrypoint: readonly string[] | null;
};

export interface HistoryRow {
  readonly created_by: string;
  readonly comment: string;
  readonly empty_layer: boolean;
}

export interface ImageConfiguration extends Platform {
  readonly author: string;
  readonly settings: ImageSettings;
  /** With the base's rows before. */
  readonly history: readonly HistoryRow[];
}
