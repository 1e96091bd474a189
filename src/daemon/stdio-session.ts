import type { Readable, Writable } from "node:stream";
import type { ContainerWaitResponse } from "../api/containers.ts";

/** A client's end of a process's stdio, as attach and exec start give it. Nothing flows before the caller reads. */
export interface StdioSession {
  /** True for a terminal: `output` is raw. Otherwise it is Docker's frames (stream, 0, 0, 0, length, bytes). */
  readonly tty: boolean;
  /** Ends after the process's output is drained. */
  readonly output: Readable;
  /** Null when stdin is not wanted or not open; `end()` is the client's half-close. */
  readonly input: Writable | null;
  /** The keys that detach, where they were chosen at create (exec); "" or absent means the usual ones. */
  readonly detachKeys?: string;
  /** How the process ended; to be asked after the output's end. Absent where the session has no one end to tell. */
  readonly outcome?: () => Promise<ContainerWaitResponse>;
  /** Lets go of the process, which runs on. Harmless when repeated. */
  close(reason: "finished" | "gone" | "detached"): void;
}
