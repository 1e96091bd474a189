/** What a build tells of its way: the Status stream of BuildKit's Control service, as plain values. */

/** Nanoseconds since the epoch. */
export type Nanoseconds = bigint;

/** A step, told anew with each change of it; it may be started and completed several times. */
export interface Vertex {
  readonly digest: string;
  readonly inputs: readonly string[];
  readonly name: string;
  readonly cached: boolean;
  readonly started: Nanoseconds | null;
  readonly completed: Nanoseconds | null;
  readonly error: string;
  /** Steps of one group are shown as one. */
  readonly group: { readonly id: string; readonly name: string; readonly weak: boolean } | null;
}

/** Something that a step does and that can be counted: bytes sent, layers written. */
export interface VertexStatus {
  readonly id: string;
  readonly vertex: string;
  readonly name: string;
  readonly current: number;
  /** 0 where nobody knows. */
  readonly total: number;
  readonly timestamp: Nanoseconds | null;
  readonly started: Nanoseconds | null;
  readonly completed: Nanoseconds | null;
}

export interface VertexLog {
  readonly vertex: string;
  readonly timestamp: Nanoseconds | null;
  /** 1 for standard output, 2 for standard error. */
  readonly stream: number;
  readonly data: Uint8Array;
}

/** Lines and columns of a file; lines count from 1, columns from 0. */
export interface SourceRange {
  readonly startLine: number;
  readonly startCharacter: number;
  readonly endLine: number;
  readonly endCharacter: number;
}

/** A file that something is said of. */
export interface SourceFile {
  readonly filename: string;
  readonly data: Uint8Array;
}

export interface VertexWarning {
  readonly vertex: string;
  readonly level: number;
  readonly short: string;
  readonly detail: readonly string[];
  readonly url: string;
  readonly source: SourceFile | null;
  readonly ranges: readonly SourceRange[];
}

/** One message of the stream. */
export interface BuildStatus {
  readonly vertexes: readonly Vertex[];
  readonly statuses: readonly VertexStatus[];
  readonly logs: readonly VertexLog[];
  readonly warnings: readonly VertexWarning[];
}
