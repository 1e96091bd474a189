import type { IgnoreMatcher } from "../../../lib/ignore/ignore.ts";
import type { Platform } from "../../../lib/platform.ts";
import type { HistoryRow, ImageSettings } from "./plan.ts";

/** What a build is asked for, besides its Dockerfile. */
export interface PlanOptions {
  /** A stage by name; null is the last one. */
  readonly target: string | null;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** What the builder itself runs on. */
  readonly buildPlatform: Platform;
  /** Null when nobody asked: then an image that exists for another platform only is taken as it is. */
  readonly targetPlatform: Platform | null;
  /** `--build-context`, by name in lower case. */
  readonly namedContexts: ReadonlyMap<string, NamedContext>;
  /** `--label`. */
  readonly labels: ReadonlyMap<string, string>;
  /** Plans every stage, needed or not: for `--check`. */
  readonly allStages: boolean;
  /** What the context leaves out. */
  readonly ignore: IgnoreMatcher | null;
  /** `--no-cache`, or the stages of `--no-cache-filter`. */
  readonly noCache: boolean | ReadonlySet<string>;
  /** Several platforms are built: labels say which. */
  readonly isMultiPlatform: boolean;
  readonly images: BaseImages;
}

/** What a named context is, as far as a plan has to know. */
export type NamedContext =
  /** `docker-image://…`, `oci-layout://…` and the like: it has a configuration. */
  | { readonly kind: "image"; resolve(platform: Platform): Promise<BaseImage> }
  /** Files only. */
  | { readonly kind: "files" };

/** Images that stages begin at, or copy from. */
export interface BaseImages {
  /**
   * The image of `reference`, in full, for `platform`. Asked once for each; rejects with a DhowError that says what is
   * missing.
   */
  resolve(reference: string, platform: Platform): Promise<BaseImage>;
}

export interface BaseImage {
  /** With its digest where it has one. */
  readonly reference: string;
  /** What it is for. */
  readonly platform: Platform;
  readonly author: string;
  readonly settings: Partial<ImageSettings>;
  readonly history: readonly HistoryRow[];
  readonly layers: number;
}
