/**
 * Builds images from Dockerfiles. `dockerfile/` turns the file into a plan, `solver/` carries it out: stages side by side, each step
 * looked up in `cache/` before `steps/` does its work in a writable layer.
 */
import type { Operation } from "../lib/operation.ts";
import type { CacheRule } from "./cache/cache-rules.ts";
import type { KeptContexts } from "./context/kept-contexts.ts";
import type { LintWarning } from "./dockerfile/lint/linter.ts";
import type { CheckResult } from "./dockerfile/plan/build.ts";
import type { TargetSummary } from "./dockerfile/plan/outline.ts";
import type { Source } from "./dockerfile/text/source.ts";
import type { KeptResult } from "./kept-result.ts";
import type { Attestation, CacheTransfer, Grant, Output } from "./request-results.ts";
import type { ClientFiles, Credentials, MainContext, SecretSource, SshSource } from "./request-sources.ts";

/** What one build is asked for. */
export interface BuildRequest {
  /** Path of the Dockerfile inside the context. */
  readonly dockerfile: string;
  /** Names to give, as the user wrote them. */
  readonly names: readonly string[];
  /** Null is an argument without a value, which counts as not given. */
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string>>;
  /** A stage by name; "" is the last. */
  readonly target: string;
  readonly noCache: boolean;
  /** Base images are pulled though they are here. */
  readonly pull: boolean;
  /** `os[/arch[/variant]]`, several parted by commas; "" is this host's. */
  readonly platform: string;
  /** Network of RUN: `default`, `none`, `host`, or a network's name. */
  readonly networkMode: string;
  /** `name:address` lines for /etc/hosts of RUN. */
  readonly extraHosts: readonly string[];
  readonly limits: RunLimits;
  /** For base images, caches and pushes. */
  readonly auths: Credentials;
  /** Stages, by name or number, whose steps are carried out whatever the cache holds. */
  readonly noCacheStages: readonly string[];
  /** What a Dockerfile may ask for besides the usual. */
  readonly grants: ReadonlySet<Grant>;
  /** By name, as the user wrote where they are: `docker-image://…`, `oci-layout://…`, a git or http address, `local:NAME`. */
  readonly namedContexts: ReadonlyMap<string, string>;
  readonly secrets: SecretSource;
  readonly ssh: SshSource;
  /** Where `local:NAME` contexts come from; null where the client has none to give. */
  readonly clientFiles: ClientFiles | null;
  /** None leaves only what the cache has. */
  readonly outputs: readonly Output[];
  readonly attestations: readonly Attestation[];
  readonly cacheFrom: readonly CacheTransfer[];
  readonly cacheTo: readonly CacheTransfer[];
  /** All that is built becomes one layer. */
  readonly squash?: boolean;
  /** The file system of a step that fails is kept as an image, whose id the error has. */
  readonly keepsFailed: boolean;
}

/** Limits of each RUN; 0 and "" are none. */
export interface RunLimits {
  readonly memory: number;
  readonly memorySwap: number;
  readonly cpuShares: number;
  readonly cpuPeriod: number;
  readonly cpuQuota: number;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly shmSize: number;
  readonly cgroupParent: string;
  readonly ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
}

/** What a build tells while it goes. Steps are known by their number, counted over all stages in the order of the file. */
export type BuildEvent =
  | {
      readonly kind: "planned";
      readonly steps: readonly string[];
      /** As people are shown them. */
      readonly warnings: readonly string[];
      /** The same, in parts, and the file that they are about. */
      readonly findings: readonly LintWarning[];
      readonly source: Source;
    }
  | { readonly kind: "started"; readonly step: number }
  | { readonly kind: "output"; readonly step: number; readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }
  /** `tree` is the topmost layer's chain id, "" for an empty tree. */
  | { readonly kind: "finished"; readonly step: number; readonly cached: boolean; readonly tree: string };

/** One thing that the cache keeps, as `GET /system/df` and `builder du` show it. */
export interface CacheEntry {
  /** 64 hex digits. */
  readonly id: string;
  readonly type: "regular" | "exec.cachemount" | "source.git.checkout" | "source.http" | "source.local";
  readonly description: string;
  readonly inUse: boolean;
  /** An image stands on it. */
  readonly shared: boolean;
  readonly size: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly usageCount: number;
}

/** A rule that is followed once; without `all` what images stand on stays. */
export interface PruneRequest extends CacheRule {
  /** Only entries for which it is true. */
  readonly fits?: (entry: CacheEntry) => boolean;
}

export interface Builder {
  /**
   * Builds, and resolves once every output has been given out. Throws DockerfileError for a
   * wrong file, StepFailed for a RUN that ends with another code than 0; nothing is left of what failed.
   */
  build(
    request: BuildRequest,
    context: MainContext,
    tell: (event: BuildEvent) => void,
    op: Operation,
  ): Promise<BuiltImage>;
  /** Builds, and keeps the image for another build alone, until it is disposed of. */
  keepResult(
    request: BuildRequest,
    context: MainContext,
    tell: (event: BuildEvent) => void,
    op: Operation,
  ): Promise<KeptResult>;
  /** What a file offers and what there is to say about it, without building anything. */
  inspect(request: BuildRequest, context: MainContext, op: Operation): Promise<Inspection>;
  /** Directories that clients have sent. */
  readonly contexts: KeptContexts;
  cacheEntries(): Promise<CacheEntry[]>;
  prune(request: PruneRequest): Promise<{ readonly ids: readonly string[]; readonly bytes: number }>;
  /** How much the cache may hold. They are followed after builds. */
  cacheRules(): readonly CacheRule[];
  /** Forgets what a crash left half made; to be called once, before the first build. */
  restore(): Promise<void>;
}

export interface Inspection extends CheckResult {
  readonly source: Source;
  readonly targets: readonly TargetSummary[];
}

export interface BuiltImage {
  /** "" where no output was an image. */
  readonly id: string;
  /** In familiar form, as the image is called now. */
  readonly names: readonly string[];
  /** What `--metadata-file` gets: `containerimage.digest`, `containerimage.config.digest`, … */
  readonly facts: Readonly<Record<string, string>>;
}
