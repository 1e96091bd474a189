/** All processes of one engine: started, adopted, signalled, their exits taken and told until forgotten. */
import { closeSync, existsSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { conflict, messageOf, notFound, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { LogLoss } from "../lib/log-file/writer.ts";
import { type CgroupDirectories, cgroupsAt, cgroupsOf } from "../linux/cgroup.ts";
import { pidfdGetFd, pidfdOpen, pidfdSignal } from "../linux/pidfd.ts";
import { setWindowSize } from "../linux/pty.ts";
import { deleteContainer, discardState, endUnreadable } from "./discard.ts";
import { Exits } from "./exits.ts";
import { freeze } from "./freeze.ts";
import { closeEnds, launch, writeProcess } from "./launch.ts";
import type { Subscriber } from "./output.ts";
import type {
  AdoptRequest,
  ExecStart,
  LogLimits,
  ProcessTarget,
  Push,
  StartReply,
  StartRequest,
  SupervisedProcess,
} from "./protocol.ts";
import { keyOf, type ProcessRecord, type Records } from "./records.ts";
import { StartWaiters } from "./start-waiters.ts";
import { Supervised } from "./supervised.ts";
import { takeOver } from "./take-over.ts";

export class Supervisor {
  readonly #records: Records;
  readonly #push: (push: Push) => void;
  readonly #log: (message: string) => void;
  readonly #processes = new Map<string, Supervised>();
  readonly #waiters = new StartWaiters();
  readonly #starting = new Set<string>();
  readonly #runtimePids = new Set<number>();
  readonly #exits: Exits;

  constructor(options: { records: Records; push: (push: Push) => void; log: (message: string) => void }) {
    this.#records = options.records;
    this.#push = options.push;
    this.#log = options.log;
    this.#exits = new Exits({
      ...options,
      processes: this.#processes,
      starting: () => this.#starting.size > 0 || this.#runtimePids.size > 0,
    });
  }

  start(request: StartRequest): Promise<StartReply> {
    const target = { containerId: request.id };
    const { runtime, io, log } = request;
    const command = () => ["run", "--bundle", request.bundle];
    return this.#launch({ target, runtime, io, log }, request.id, command, request.cgroupPath);
  }

  exec(request: ExecStart): Promise<StartReply> {
    const { containerId, execId, runtime, io } = request;
    if (!this.#running(keyOf({ containerId }))) throw notFound(`no running process of container ${containerId}`);
    const target = { containerId, execId };
    return this.#launch({ target, runtime, io, log: null }, containerId, (directory) => [
      "exec",
      "--process",
      writeProcess(directory, request.process),
    ]);
  }

  async #launch(
    record: ProcessRecord,
    id: string,
    command: (directory: string) => string[],
    cgroupPath?: string,
  ): Promise<StartReply> {
    const key = keyOf(record.target);
    if (this.#starting.has(key) || this.#running(key)) throw conflict(`process ${key} is running`);
    this.#starting.add(key);
    const runtimePids: number[] = [];
    try {
      await this.#deleteLeftOver(record);
      const directory = this.#records.create(key, record);
      const { runtime, io } = record;
      const onSpawn = (pid: number): void => {
        runtimePids.push(pid);
        this.#runtimePids.add(pid);
      };
      const subcommand = command(directory);
      const { ends, identity, timings } = await launch({ directory, runtime, io, subcommand, id, onSpawn });
      failPoint("supervisor.start.launched");
      const pidfd = pidfdOpen(identity.pid);
      if (pidfd === null) {
        closeEnds(ends);
        throw systemError(`process ${identity.pid} vanished`);
      }
      const started = { ...identity, cgroups: cgroupsOfProcess(identity.pid, id, cgroupPath) };
      const subscribers = this.#waiters.take(key);
      let process: Supervised;
      try {
        this.#records.saveStarted(key, started);
        const onLogLoss = this.#lossOf(record.target);
        process = new Supervised({
          key,
          directory,
          record,
          started,
          pidfd,
          ends,
          ownChild: true,
          subscribers,
          onLogLoss,
        });
      } catch (error) {
        for (const { socket } of subscribers) socket.end();
        closeSync(pidfd);
        closeEnds(ends);
        throw error;
      }
      this.#processes.set(key, process);
      // It may have ended before it was known here: its SIGCHLD has passed.
      setImmediate(() => this.reap());
      return { ...identity, stdio: process.stdio, timings };
    } catch (error) {
      this.#waiters.dismiss(key);
      await this.#deleteLeftOver(record);
      this.#records.remove(key);
      throw error;
    } finally {
      this.#starting.delete(key);
      this.#waiters.tellSettled(key);
      for (const pid of runtimePids) this.#runtimePids.delete(pid);
    }
  }

  /** What the OCI runtime holds of a container that has no process here: of a start that failed, or a lost record. */
  async #deleteLeftOver(record: ProcessRecord): Promise<void> {
    const { containerId, execId } = record.target;
    if (execId === undefined && existsSync(join(record.runtime.root, containerId))) {
      await deleteContainer(record, this.#runtimePids);
    }
  }

  /** Takes the exits of all processes that have ended. Called at SIGCHLD. */
  reap(): void {
    this.#exits.reap();
  }

  /** Takes over what the records tell of; called once, before anyone connects. */
  async recover(): Promise<void> {
    for (const key of this.#records.keys()) {
      try {
        await this.#recoverOne(key);
      } catch (error) {
        this.#log(`take over ${key}: ${messageOf(error)}`);
      }
    }
    this.#exits.pollAdopted();
  }

  async #recoverOne(key: string): Promise<void> {
    const record = this.#records.read(key);
    if (!record) {
      this.#log(`the record of ${key} is unreadable; its process is ended`);
      await endUnreadable(this.#records.directory(key), key);
      return this.#records.remove(key);
    }
    const process = takeOver(this.#records, key, record, this.#lossOf(record.target));
    if (!process) {
      await this.#deleteLeftOver(record);
      return this.#records.remove(key);
    }
    this.#processes.set(key, process);
    if (process.exit) await process.settle();
  }

  /** Terminals whose masters somebody kept: without one, the kernel has hung the process up. */
  adoptConsoles({ holder, consoles }: AdoptRequest): void {
    const pidfd = pidfdOpen(holder);
    if (pidfd === null) return;
    try {
      for (const { target, fd } of consoles) {
        const process = this.#processes.get(keyOf(target));
        if (process && process.exit === null && process.console === -1) process.adoptConsole(pidfdGetFd(pidfd, fd));
      }
    } finally {
      closeSync(pidfd);
    }
  }

  #running(key: string): Supervised | null {
    const process = this.#processes.get(key);
    return process && process.exit === null ? process : null;
  }

  #need(target: ProcessTarget): Supervised {
    const process = this.#running(keyOf(target));
    if (!process) throw notFound(`no running process ${keyOf(target)}`);
    return process;
  }

  /** The process of `target` in whatever state; `null` when it is not started yet. */
  find(target: ProcessTarget): Supervised | null {
    return this.#processes.get(keyOf(target)) ?? null;
  }

  /** Lets a client hear the process from its first byte on. */
  awaitStart(target: ProcessTarget, subscriber: Subscriber): void {
    this.#waiters.add(keyOf(target), subscriber);
  }

  /** Resolves when the process is started, its start has failed, or the client is gone. */
  started(target: ProcessTarget, socket: Socket): Promise<void> {
    return this.#waiters.settled(keyOf(target), socket);
  }

  async endInput(target: ProcessTarget): Promise<void> {
    const process = this.#running(keyOf(target));
    if (!process?.input || process.record.io.tty) return;
    await process.input.end();
    this.#push({ event: "stdinClosed", target });
  }

  resize(target: ProcessTarget, height: number, width: number): void {
    const process = this.#need(target);
    if (process.console !== -1) setWindowSize(process.console, height, width);
  }

  limitLog(containerId: string, limits: LogLimits): void {
    const process = this.#need({ containerId });
    process.limitLog(limits);
    this.#records.rewrite(process.key, process.record);
  }

  signal(target: ProcessTarget, signal: number): void {
    const process = this.#need(target);
    if (process.pidfd === -1 || !pidfdSignal(process.pidfd, signal)) {
      throw notFound(`no running process ${process.key}`);
    }
  }

  async freeze(containerId: string, frozen: boolean): Promise<void> {
    const { cgroups } = this.#need({ containerId }).started;
    if (!cgroups?.freezer) throw systemError("no freezer cgroup is mounted on this host");
    if (!(await freeze(cgroups, frozen))) {
      throw systemError(`container ${containerId} did not ${frozen ? "freeze" : "thaw"} in time`);
    }
  }

  /** Lines that are lost are told of, here and to the daemon. */
  #lossOf(target: ProcessTarget): (loss: LogLoss) => void {
    return (loss) => {
      this.#log(`log of ${keyOf(target)}: ${loss.why ?? `${loss.lost} lines were lost`}`);
      this.#push({ event: "logLoss", target, ...loss });
    };
  }

  list(): SupervisedProcess[] {
    return [...this.#processes.values()].map((process) => process.describe());
  }

  /** Tells every exit that is known and not forgotten. */
  replayExits(): void {
    for (const process of this.#processes.values()) this.#exits.tell(process);
  }

  async forget(target: ProcessTarget): Promise<void> {
    const key = keyOf(target);
    const process = this.#processes.get(key);
    if (!process) return;
    if (target.execId === undefined) {
      if (!discardState(process)) await deleteContainer(process.record, this.#runtimePids);
      failPoint("supervisor.forget.discarded");
      for (const each of [...this.#processes.values()]) {
        if (each.record.target.containerId === target.containerId) this.#drop(each);
      }
      return;
    }
    if (process.exit === null) throw conflict(`process ${key} is running`);
    this.#drop(process);
  }

  #drop(process: Supervised): void {
    if (process.exit === null) {
      // Killed with its container this instant; its exit is nobody's any more.
      const ended = process.collect();
      if (ended) process.exit = process.describeExit(ended);
      void process.settle().catch((error) => this.#log(`drain ${process.key}: ${messageOf(error)}`));
    }
    this.#processes.delete(process.key);
    this.#records.remove(process.key);
  }
}

/** A process that has ended already is shown in the root of every v1 hierarchy: then the path that it was given counts. */
function cgroupsOfProcess(pid: number, id: string, path: string | undefined): CgroupDirectories | null {
  const cgroups = cgroupsOf(pid);
  if (path === undefined || cgroups?.all.every((directory) => directory.includes(id))) return cgroups;
  return cgroupsAt(path) ?? cgroups;
}
