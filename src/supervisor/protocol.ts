/**
 * What is said over `<exec root>/supervisor.sock`, and the nouns of supervision.
 *
 * A connection opens with one JSON line. `{"attach": ...}` makes it a data connection: the supervisor answers one line
 * ({@link AttachReply}) and from then on the bytes are the process's own, both ways, and a half-close is the end of
 * stdin. Any other line makes it a control connection: {@link Request} lines in, {@link Reply} and {@link Push} lines
 * out, in any order. The first request is `hello`.
 *
 * A newer daemon must be able to talk to an older supervisor, which outlives upgrades: fields and methods are only
 * ever added, and {@link protocolVersion} grows with each addition.
 */
import type { ErrorKind } from "../lib/errors.ts";

/** Version this source speaks; the supervisor answers its own in `hello`. */
export const protocolVersion = 3;

/** Which process: a container's first one, or one exec of it. */
export interface ProcessTarget {
  readonly containerId: string;
  readonly execId?: string;
}

/** An OCI runtime. */
export interface RuntimeBinary {
  readonly path: string;
  readonly kind: "crun" | "runc";
  /** State directory of the runtime (`--root`). */
  readonly root: string;
}

export interface ProcessIo {
  readonly tty: boolean;
  readonly stdin: boolean;
  /** The first attached client's end of input is the process's. */
  readonly stdinOnce: boolean;
  /** Owner of the FIFOs, so that the process may open /dev/stdout and its like. */
  readonly uid: number;
  readonly gid: number;
  readonly consoleSize?: readonly [rows: number, cols: number];
}

/** How much of a log is kept: `maxSize` in bytes, 0 is no limit; `maxFile` counts the current file. */
export interface LogLimits {
  readonly maxSize: number;
  readonly maxFile: number;
  /** Packs rotated files. */
  readonly compress?: boolean;
}

/** Where a container's output is kept. */
export interface LogTarget extends LogLimits {
  readonly path: string;
  readonly format: "json-file";
  /** Said with each entry. */
  readonly attrs?: Readonly<Record<string, string>>;
  /** The file in which the daemon says how far it has delivered the log elsewhere; where it says so, the process waits for it. */
  readonly position?: string;
}

export interface StartRequest {
  readonly id: string;
  readonly runtime: RuntimeBinary;
  /** Directory that holds config.json. */
  readonly bundle: string;
  /** Its cgroup, from the root of each hierarchy, as the bundle says. */
  readonly cgroupPath?: string;
  readonly io: ProcessIo;
  /** Null keeps no log. */
  readonly log: LogTarget | null;
}

export interface ExecStart {
  readonly containerId: string;
  readonly execId: string;
  /** An OCI `process` object. */
  readonly process: unknown;
  readonly io: ProcessIo;
  readonly runtime: RuntimeBinary;
}

export interface ProcessIdentity {
  /** As the host sees it. */
  readonly pid: number;
  /** Field 22 of /proc/pid/stat: with the pid, the identity of the process until the next boot. */
  readonly startTime: string;
}

/** Where a daemon finds a process's stdio, to hold it open against the supervisor's death. */
export interface StdioPlace {
  /** Holds the FIFOs `stdin`, `stdout` and `stderr` of a process without a terminal. */
  readonly directory: string;
  readonly stdinOpen: boolean;
  /** Descriptor of the terminal's master in the supervisor, for pidfd_getfd(2); null without a terminal. */
  readonly consoleFd: number | null;
}

/** How a start ended, with milliseconds of its steps. */
export interface StartReply extends ProcessIdentity {
  readonly stdio: StdioPlace;
  readonly timings: Readonly<Record<string, number>>;
}

export interface ExitStatus {
  /** 128+n after signal n. */
  readonly code: number;
  readonly signal: number | null;
  readonly oomKilled: boolean;
  /** RFC 3339 with nanoseconds, UTC. */
  readonly at: string;
  /** True when nobody saw the code; `code` is then 255. */
  readonly unknown: boolean;
}

export interface SupervisedProcess extends ProcessTarget, ProcessIdentity {
  readonly tty: boolean;
  /** Null while it runs. */
  readonly exit: ExitStatus | null;
  readonly stdio: StdioPlace;
}

export interface AttachRequest {
  readonly target: ProcessTarget;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export type AttachReply = { readonly ok: true } | { readonly ok: false; readonly error: WireError };

export interface HelloReply {
  readonly version: number;
  readonly pid: number;
}

/** The terminal masters that a daemon kept while a supervisor died, offered to the next one. */
export interface AdoptRequest {
  readonly holder: number;
  readonly consoles: readonly { readonly target: ProcessTarget; readonly fd: number }[];
}

/** Method name -> what goes in and what comes back. */
export interface Methods {
  /** Replays every exit not yet forgotten as pushes after its reply. */
  hello: { params: { version: number; consoles?: AdoptRequest }; result: HelloReply };
  start: { params: StartRequest; result: StartReply };
  exec: { params: ExecStart; result: StartReply };
  resize: { params: { target: ProcessTarget; height: number; width: number }; result: null };
  signal: { params: { target: ProcessTarget; signal: number }; result: null };
  /** Other limits for the log of a container; nothing for one that keeps none. Since version 2. */
  limitLog: { params: { id: string; limits: LogLimits }; result: null };
  pause: { params: { id: string }; result: null };
  resume: { params: { id: string }; result: null };
  list: { params: null; result: readonly SupervisedProcess[] };
  /** Answered at once, by an older supervisor with an error: whoever answers lives. Since version 3. */
  ping: { params: null; result: null };
  forget: { params: { target: ProcessTarget }; result: null };
  /** Ends the supervisor; what it supervised runs on. */
  shutdown: { params: null; result: null };
}

export type MethodName = keyof Methods;

export interface Request<M extends MethodName = MethodName> {
  readonly id: number;
  readonly method: M;
  readonly params: Methods[M]["params"];
  /** Unix milliseconds after which it is not begun any more: nobody waits for it. Since version 3. */
  readonly expires?: number;
}

export interface WireError {
  readonly kind: ErrorKind;
  readonly message: string;
  /** What the OCI runtime wrote, when it was the runtime that failed. */
  readonly runtime?: string;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: WireError };

export type Push =
  | { readonly event: "exit"; readonly target: ProcessTarget; readonly status: ExitStatus }
  /** The kernel killed something in the container's cgroup for want of memory. */
  | { readonly event: "oom"; readonly target: ProcessTarget }
  /** The disk refuses a container's log, for a reason; or takes it again (`why` is null), after so many lines were lost. */
  | { readonly event: "logLoss"; readonly target: ProcessTarget; readonly lost: number; readonly why: string | null }
  /** The process's stdin is to end: whoever keeps a write end closes it. */
  | { readonly event: "stdinClosed"; readonly target: ProcessTarget };
