/** One entry of a container's log. */
export interface LogRecord {
  /** Bytes as logged: a whole line with its newline, or a part of a long or unended one without. */
  readonly log: string;
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string;
  /** What the log options `labels`, `env` and `tag` add. */
  readonly attrs?: Readonly<Record<string, string>>;
}

/**
 * A place between two entries. Files of a log that is delivered elsewhere begin with a line that numbers them, and numbers
 * only grow; other logs' files all have the number 0.
 */
export interface LogPosition {
  readonly file: number;
  readonly offset: number;
  /** How many entries were written before; known of numbered files only. */
  readonly entry: number;
}

/** Entries in their order, and the place after the last of them. */
export interface LogBatch extends LogPosition {
  /** How many entries were written before the first of them. */
  readonly first: number;
  readonly records: readonly LogRecord[];
}
