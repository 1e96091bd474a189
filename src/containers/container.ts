import { OperationLock } from "../lib/operation-lock.ts";
import type { HeldTree } from "../snapshots/held-tree.ts";
import type { AttachStream } from "./collaborators.ts";
import type { Exec } from "./exec.ts";
import type { ContainerRecord } from "./record.ts";
import { parseTime } from "./timestamps.ts";
import { Waiters } from "./waiters.ts";

/** One container in memory: its record and what lives only as long as this engine does. */
export class Container {
  /** Replaced after each commit. */
  record: ContainerRecord;
  /** Held by whatever starts, ends, changes or removes the container. */
  readonly lock = new OperationLock();
  readonly waiters = new Waiters();
  readonly execs = new Map<string, Exec>();
  /** Streams attached before the start; closed when the start fails. */
  readonly attached = new Set<AttachStream>();
  /** Settles when the present process has ended and all that it held is given back. */
  ended: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  /** Aborted when the present process has ended: tells log followers. */
  running = new AbortController();
  /** The runtime forgetting the last process; a next start waits for it. */
  forgetting: Promise<void> = Promise.resolve();
  /** The time of the last exit that was handled: the runtime may tell of it again. */
  lastExitAt = "";
  /** Monotonic milliseconds at which its last end was told. */
  endToldAt = Number.NEGATIVE_INFINITY;
  /** Monotonic milliseconds of the last start. */
  startedMonotonic = 0;
  /** The `oom` event of the present process was sent. */
  oomTold = false;
  /** A user's stop is under way: the `stop` event follows the `die` event. */
  stopping = false;
  /** A user's restart is under way: the end it makes removes nothing. */
  restartAsked = false;
  /** Settles when a user's restart is over: between its stop and its start a container has no process but has not ended. */
  restarting: Promise<void> | null = null;
  /** True from the moment somebody's removal is accepted. */
  removing = false;
  /** Waits to start again by its policy. */
  restart: { readonly timer: ReturnType<typeof setTimeout> } | null = null;
  /** Milliseconds before the next restart by policy. */
  backoff = 0;
  health: Disposable | null = null;
  /** The root file system of the present process, once it is out of the mount table. */
  root: HeldTree | null = null;
  /** Why the record could not be read; such a container can only be looked at and removed. */
  readonly broken: string | null;
  #createdAt: bigint | undefined;

  constructor(record: ContainerRecord, broken: string | null = null) {
    this.record = record;
    this.broken = broken;
  }

  /** When it was made, in nanoseconds since the epoch; read once, since lists of all containers are sorted by it. */
  get createdAt(): bigint {
    this.#createdAt ??= parseTime(this.record.created) ?? 0n;
    return this.#createdAt;
  }

  get id(): string {
    return this.record.id;
  }

  get name(): string {
    return this.record.name;
  }

  get status(): ContainerRecord["state"]["status"] {
    return this.record.state.status;
  }
}
