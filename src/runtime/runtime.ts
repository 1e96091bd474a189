/** Processes in containers as the daemon sees them. They outlive the daemon: a supervisor holds them. */
import type { Readable, Writable } from "node:stream";
import type { Operation } from "../lib/operation.ts";
import type {
  ExitStatus,
  LogLimits,
  ProcessIdentity,
  ProcessIo,
  ProcessTarget,
  RuntimeBinary,
  StartRequest,
  SupervisedProcess,
} from "../supervisor/protocol.ts";
import type { OciProcess } from "./spec/oci.ts";

export interface ExecRequest {
  readonly containerId: string;
  readonly execId: string;
  readonly process: OciProcess;
  readonly io: ProcessIo;
  readonly runtime: RuntimeBinary;
}

/** A process that runs. Milliseconds of the start's steps are in the operation's timings, as `runtime.<step>`. */
export type StartedProcess = ProcessIdentity;

export interface AttachStream {
  /** Docker's 8-byte frames without a terminal, raw bytes with one; ends after the process's output is drained. */
  readonly output: Readable;
  /** `end()` is a half-close: the process's end of input for an exec and with stdinOnce. */
  readonly input: Writable;
  close(): void;
}

/**
 * Starts processes and takes their exits.
 *
 * A container's life: `attach` (if wanted; the stream waits for the first byte), `start`, any number of `exec` and
 * `attach`, an exit told to each listener, `forget`. A daemon that comes back calls `ensure`, reads `list`, and is told
 * every exit that was not forgotten; a listener may hear of one exit more than once.
 */
export interface Runtime extends AsyncDisposable {
  /** Connects to the supervisor, starting it when there is none. Every other method does so by itself. */
  ensure(): Promise<void>;
  /** Throws RuntimeStartError when the OCI runtime refuses; nothing of the process is left then. */
  start(request: StartRequest, op: Operation): Promise<StartedProcess>;
  /** As `start`, in a running container. */
  exec(request: ExecRequest, op: Operation): Promise<StartedProcess>;
  /** Allowed before the process is started. Of a process that has ended the stream ends at once. */
  attach(
    target: ProcessTarget,
    want: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
  ): Promise<AttachStream>;
  /** Does nothing for a process without a terminal. Throws `notFound` when it is gone. */
  resize(target: ProcessTarget, size: { readonly height: number; readonly width: number }): Promise<void>;
  /** Throws `notFound` when the process is gone. */
  signal(target: ProcessTarget, signal: number): Promise<void>;
  /** Other limits for the log of a running container. */
  limitLog(id: string, limits: LogLimits): Promise<void>;
  /** Freezes the container's cgroup and waits until it is frozen. */
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Running processes and exited ones not yet forgotten. */
  list(): Promise<readonly SupervisedProcess[]>;
  /** Every exit, at least once, repeated after a reconnect until {@link forget}. */
  onExit(listener: (target: ProcessTarget, status: ExitStatus) => void): void;
  /** The kernel killed something in the container for want of memory. */
  onOom(listener: (target: ProcessTarget) => void): void;
  /**
   * Removes the OCI runtime's state (ending whatever still runs in the container), FIFOs and the exit record; a
   * container takes its execs along. Absent is fine.
   */
  forget(target: ProcessTarget): Promise<void>;
  /** Ends the supervisor; the processes run on. Of use no more, unless it fails. Only for `daemon stop --all` and tests. */
  shutdown(): Promise<void>;
}

export interface RuntimeOptions {
  /** Directory of the engine's runtime state; the supervisor's socket lives in it. */
  readonly execRoot: string;
  /** How to start a supervisor; the default is this very program. */
  readonly supervisorCommand?: readonly string[];
  readonly log?: (message: string) => void;
}
