/** One entry of a container's log. */
export interface LogRecord {
  /** Bytes as logged: a whole line with its newline, or a part of a long or unended one without. */
  readonly log: string;
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string;
  /** The same in nanoseconds since the epoch. */
  readonly nanoseconds: bigint;
}
