/**
 * What a new supervisor needs to take over from one that died, below `<exec root>/supervisor/`: a directory for each
 * process (its FIFOs, `record.json` written before the start, `pid` written by the OCI runtime, `identity.json` after
 * the start), and one log of exits.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { invalidArgument } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { CgroupDirectories } from "../linux/cgroup.ts";
import { isErrno } from "../linux/syscall-error.ts";
import type { ExitStatus, LogTarget, ProcessIdentity, ProcessIo, ProcessTarget, RuntimeBinary } from "./protocol.ts";

export interface ProcessRecord {
  readonly target: ProcessTarget;
  readonly runtime: RuntimeBinary;
  readonly io: ProcessIo;
  readonly log: LogTarget | null;
}

export interface StartedRecord extends ProcessIdentity {
  readonly cgroups: CgroupDirectories | null;
}

interface ExitEntry {
  readonly key: string;
  readonly startTime: string;
  readonly status: ExitStatus;
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,200}$/;

/** One word for a target; also the name of its directory. Refuses ids that are no plain names. */
export function keyOf(target: ProcessTarget): string {
  for (const id of [target.containerId, target.execId]) {
    if (id !== undefined && !namePattern.test(id)) throw invalidArgument(`invalid process id ${JSON.stringify(id)}`);
  }
  return target.execId === undefined ? target.containerId : `${target.containerId}.${target.execId}`;
}

const exitLogBytes = 256 * 1024;

/** The files of one supervisor. */
export class Records implements Disposable {
  readonly #root: string;
  readonly #exits = new Map<string, ExitEntry>();
  #fd = -1;
  #offset = 0;

  constructor(execRoot: string) {
    this.#root = join(execRoot, "supervisor");
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    const live = new Set(this.keys());
    for (const entry of readExits(join(this.#root, "exits.log")))
      if (live.has(entry.key)) this.#exits.set(entry.key, entry);
    this.#compact();
  }

  directory(key: string): string {
    return join(this.#root, key);
  }

  keys(): string[] {
    return readdirSync(this.#root, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
  }

  /** Makes the directory, in place of one that is left over. */
  create(key: string, record: ProcessRecord): string {
    const directory = this.directory(key);
    rmSync(directory, { recursive: true, force: true });
    this.#exits.delete(key);
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, "record.json"), JSON.stringify(record));
    failPoint("supervisor.start.recorded");
    return directory;
  }

  /** Replaces the record of a process that runs. */
  rewrite(key: string, record: ProcessRecord): void {
    const path = join(this.directory(key), "record.json");
    writeFileSync(`${path}.new`, JSON.stringify(record));
    renameSync(`${path}.new`, path);
  }

  read(key: string): ProcessRecord | null {
    return readJson(join(this.directory(key), "record.json"));
  }

  saveStarted(key: string, started: StartedRecord): void {
    const path = join(this.directory(key), "identity.json");
    writeFileSync(`${path}.new`, JSON.stringify(started));
    failPoint("supervisor.start.written");
    renameSync(`${path}.new`, path);
    failPoint("supervisor.start.identified");
  }

  readStarted(key: string): StartedRecord | null {
    return readJson(join(this.directory(key), "identity.json"));
  }

  remove(key: string): void {
    this.#exits.delete(key);
    rmSync(this.directory(key), { recursive: true, force: true });
  }

  exitOf(key: string, startTime: string): ExitStatus | null {
    const entry = this.#exits.get(key);
    return entry?.startTime === startTime ? entry.status : null;
  }

  /** On disk when it returns. */
  saveExit(key: string, startTime: string, status: ExitStatus): void {
    const entry = { key, startTime, status };
    failPoint("supervisor.exit.collected");
    this.#exits.set(key, entry);
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    if (this.#offset + line.length > exitLogBytes) {
      this.#compact();
      return;
    }
    writeSync(this.#fd, line, 0, line.length, this.#offset);
    this.#offset += line.length;
    fdatasyncSync(this.#fd);
    failPoint("supervisor.exit.recorded");
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** Writes the exits that still matter into a new file of full size. */
  #compact(): void {
    const path = join(this.#root, "exits.log");
    const lines = Buffer.from([...this.#exits.values()].map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    const contents = Buffer.alloc(Math.max(exitLogBytes, lines.length * 2));
    lines.copy(contents);
    const fd = openSync(`${path}.new`, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC, 0o600);
    writeSync(fd, contents, 0, contents.length, 0);
    fdatasyncSync(fd);
    failPoint("supervisor.exits.compacted");
    renameSync(`${path}.new`, path);
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = fd;
    this.#offset = lines.length;
  }
}

/** Complete lines up to the preallocated zeros; a torn one is left out. */
function readExits(path: string): ExitEntry[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
  const entries: ExitEntry[] = [];
  for (const line of text.slice(0, text.lastIndexOf("\n")).split("\n")) {
    try {
      entries.push(JSON.parse(line));
    } catch {
      // A line that a crash tore.
    }
  }
  return entries;
}

/** `null` when the file is absent or torn. */
function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError) return null;
    throw error;
  }
}
