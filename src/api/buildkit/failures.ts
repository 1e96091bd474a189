/** Details of a failed build, as they stand in a call's status: JSON of BuildKit's own types, named by its Go packages. */
import type { StatusDetail } from "../../lib/grpc/status.ts";

const prefix = "github.com/moby/buildkit/errdefs.";

export const failureTypes = {
  /** Where in which file it happened. */
  source: `${prefix}Source+json`,
  /** Which step it was. */
  vertex: `${prefix}Vertex+json`,
  /** A request that the frontend does not know. */
  subrequest: `${prefix}Subrequest+json`,
  /** A capability that the frontend lacks. */
  capability: `${prefix}FrontendCap+json`,
  /** What a failed RUN left: of dhow's own, and only where it was asked for. */
  failedStep: "dhow.FailedStep+json",
} as const;

/** A frontend's attribute of our own: `true` keeps the files of a RUN that fails as an image, which is the client's to remove. */
export const keepFailedAttribute = "dhow.keep-failed";

/** Lines count from 1, characters from 0; what is 0 is left out. */
export interface FailurePosition {
  readonly line?: number;
  readonly character?: number;
}

export interface FailureRange {
  readonly start?: FailurePosition;
  readonly end?: FailurePosition;
}

export interface FailureSource {
  readonly info?: {
    readonly filename?: string;
    /** The whole file, base64. */
    readonly data?: string;
    readonly language?: string;
  };
  readonly ranges?: readonly FailureRange[];
}

interface Failures {
  source: FailureSource;
  vertex: { readonly digest?: string };
  subrequest: { readonly name?: string };
  capability: { readonly name?: string };
  /** `image` has the step's environment, directory and user as its configuration. */
  failedStep: { readonly image?: string };
}

export function failureDetail<K extends keyof Failures>(kind: K, value: Failures[K]): StatusDetail {
  return { typeUrl: failureTypes[kind], value: Buffer.from(JSON.stringify(value)) };
}

/** The details of a kind; those that are no JSON are passed over. */
export function failuresIn<K extends keyof Failures>(details: readonly StatusDetail[], kind: K): Failures[K][] {
  return details.flatMap(({ typeUrl, value }) => {
    if (typeUrl !== failureTypes[kind]) return [];
    try {
      // What it holds is the peer's word: all fields may be missing.
      return [JSON.parse(Buffer.from(value).toString()) as Failures[K]];
    } catch {
      return [];
    }
  });
}
