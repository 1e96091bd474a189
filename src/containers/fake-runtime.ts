/** A hand-made runtime for the tests of containers: its processes are entries of a map. */
import { PassThrough } from "node:stream";
import { notFound } from "../lib/errors.ts";
import type { ContainerRuntime, ExitStatus, ProcessTarget, SupervisedProcess } from "./collaborators.ts";
import { timestamp } from "./timestamps.ts";

/** Processes that end when they are signalled, or when a test says so. */
export class FakeRuntime implements ContainerRuntime {
  readonly processes = new Map<string, SupervisedProcess>();
  readonly signals: number[] = [];
  /** Thrown by the next start or exec. */
  failure: Error | null = null;
  /** Signals that processes do not heed. */
  deafTo = new Set<number>();
  /** A started process ends at once with this code. */
  endsWith: number | null = null;
  starts = 0;
  forgotten = 0;
  #pid = 1000;
  #exits: ((target: ProcessTarget, status: ExitStatus) => void)[] = [];
  #ooms: ((target: ProcessTarget) => void)[] = [];

  async start({ id }: { id: string }) {
    return this.#run({ containerId: id });
  }

  async exec({ containerId, execId }: { containerId: string; execId: string }) {
    return this.#run({ containerId, execId });
  }

  #run(target: ProcessTarget) {
    if (this.failure) {
      const failure = this.failure;
      this.failure = null;
      throw failure;
    }
    if (this.processes.has(key(target))) throw new Error(`container ${key(target)} exists`);
    if (!target.execId) this.starts++;
    const started = { pid: ++this.#pid, startTime: String(this.#pid * 7) };
    const stdio = { directory: "", stdinOpen: false, consoleFd: null };
    this.processes.set(key(target), { ...target, ...started, stdio, tty: false, exit: null });
    if (this.endsWith !== null) this.end(target, this.endsWith);
    return started;
  }

  end(target: ProcessTarget, code: number, more: Partial<ExitStatus> = {}): void {
    const process = this.processes.get(key(target));
    if (!process || process.exit) return;
    const exit: ExitStatus = { code, signal: null, oomKilled: false, at: timestamp(), unknown: false, ...more };
    this.processes.set(key(target), { ...process, exit });
    for (const listener of this.#exits) listener(target, exit);
  }

  async attach() {
    const output = new PassThrough();
    return { output, input: new PassThrough(), close: () => output.destroy() };
  }

  async resize() {}

  async signal(target: ProcessTarget, signal: number) {
    const process = this.processes.get(key(target));
    if (!process || process.exit) throw notFound("no such process");
    this.signals.push(signal);
    if (!this.deafTo.has(signal)) queueMicrotask(() => this.end(target, 128 + signal, { signal }));
  }

  async limitLog() {}
  async pause() {}
  async resume() {}

  async list() {
    return [...this.processes.values()];
  }

  onExit(listener: (target: ProcessTarget, status: ExitStatus) => void) {
    this.#exits.push(listener);
  }

  onOom(listener: (target: ProcessTarget) => void) {
    this.#ooms.push(listener);
  }

  oom(target: ProcessTarget): void {
    for (const listener of this.#ooms) listener(target);
  }

  async forget(target: ProcessTarget) {
    this.forgotten++;
    this.processes.delete(key(target));
  }

  /** A new engine connects: the old one's listeners are gone. */
  reconnect(): void {
    this.#exits = [];
    this.#ooms = [];
  }
}

function key({ containerId, execId }: ProcessTarget): string {
  return execId ? `${containerId}/${execId}` : containerId;
}
