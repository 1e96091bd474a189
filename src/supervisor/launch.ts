/** One spawn of an OCI runtime: stdio made, `run -d` or `exec -d`, the process's identity read back. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemError } from "../lib/errors.ts";
import { makeFifo, openInputFifo, openOutputFifo, setNonblocking } from "../linux/fifo.ts";
import { startTimeOf } from "../linux/process.ts";
import { setWindowSize } from "../linux/pty.ts";
import { listenUnix, receiveDescriptor } from "../linux/scm-rights.ts";
import { systemWords } from "../linux/strerror.ts";
import { isErrno } from "../linux/syscall-error.ts";
import type { ProcessIdentity, ProcessIo, RuntimeBinary } from "./protocol.ts";
import { executableOf } from "./sealed-runtime.ts";

/** Our ends of a process's stdio; -1 is none. All are non-blocking. */
export interface OurEnds {
  stdin: number;
  stdout: number;
  stderr: number;
  /** Master of the terminal. */
  console: number;
}

/** The OCI runtime refused; `output` is what it wrote. */
export class RuntimeFailure extends Error {
  override readonly name = "RuntimeFailure";
  readonly output: string;

  constructor(output: string) {
    super(`OCI runtime failed: ${output}`);
    this.output = output;
  }
}

export interface Launch {
  readonly directory: string;
  readonly runtime: RuntimeBinary;
  readonly io: ProcessIo;
  /** What follows the options that every launch has, the runtime's subcommand first. */
  readonly subcommand: readonly string[];
  readonly id: string;
  /** Told the runtime's own pid, so that nobody else reaps it. */
  readonly onSpawn: (pid: number) => void;
}

/** PATH is for the runtime's own needs; the process's environment is in its bundle. */
const runtimeEnvironment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

/** Starts the process. On failure throws {@link RuntimeFailure} and leaves no descriptor open. */
export async function launch(
  request: Launch,
): Promise<{ ends: OurEnds; identity: ProcessIdentity; timings: Record<string, number> }> {
  const { directory, io } = request;
  const ends: OurEnds = { stdin: -1, stdout: -1, stderr: -1, console: -1 };
  const theirs: number[] = [];
  const timings: Record<string, number> = {};
  let from = performance.now();
  const lap = (name: string): void => {
    const now = performance.now();
    timings[name] = now - from;
    from = now;
  };
  let consoleSocket: ConsoleSocket | null = null;
  try {
    if (io.tty) consoleSocket = openConsoleSocket();
    else makeStdio(directory, io, ends, theirs);
    lap("stdio");
    await spawnRuntime(request, theirs, consoleSocket);
    lap("runtime");
    if (consoleSocket) ends.console = receiveConsole(consoleSocket, io);
    const identity = readIdentity(join(directory, "pid"));
    lap("identity");
    return { ends, identity, timings };
  } catch (error) {
    closeEnds(ends);
    throw error;
  } finally {
    for (const fd of theirs) closeSync(fd);
    consoleSocket?.[Symbol.dispose]();
  }
}

/** Closes what is open of them. */
export function closeEnds(ends: OurEnds): void {
  for (const fd of [ends.stdin, ends.stdout, ends.stderr, ends.console]) if (fd !== -1) closeSync(fd);
}

function makeStdio(directory: string, io: ProcessIo, ends: OurEnds, theirs: number[]): void {
  if (io.stdin) {
    makeFifo(join(directory, "stdin"), io.uid, io.gid);
    const input = openInputFifo(join(directory, "stdin"));
    ends.stdin = input.ours;
    theirs.push(input.theirs);
  } else {
    theirs.push(openSync("/dev/null", "r"));
  }
  for (const name of ["stdout", "stderr"] as const) {
    makeFifo(join(directory, name), io.uid, io.gid);
    const output = openOutputFifo(join(directory, name));
    ends[name] = output.ours;
    theirs.push(output.theirs);
  }
}

async function spawnRuntime(request: Launch, theirs: number[], console: ConsoleSocket | null): Promise<void> {
  const { runtime, directory, io } = request;
  const log = join(directory, "runtime.log");
  const command = [
    executableOf(runtime),
    "--root",
    runtime.root,
    "--log",
    log,
    "--log-format",
    "json",
    ...request.subcommand,
  ];
  command.push("-d", "--pid-file", join(directory, "pid"));
  if (console) command.push("--console-socket", console.path);
  if (console && request.subcommand[0] === "exec") command.push("--tty");
  command.push(request.id);
  // Until the runtime has handed over, nobody reads the FIFOs: what it complains of stays out of the process's output.
  const [stdin = null, stdout = null, stderr = null] = io.tty ? [] : theirs;
  const child = withUmask(0o022, () => {
    const options = { argv0: runtime.path, stdin, stdout, stderr, env: runtimeEnvironment, cwd: "/" };
    try {
      return Bun.spawn(command, options);
    } catch (error) {
      throw new RuntimeFailure(`fork/exec ${runtime.path}: ${systemWords(error)}`);
    }
  });
  request.onSpawn(child.pid);
  const code = await child.exited;
  if (code !== 0) throw new RuntimeFailure(readComplaint(log) || `${runtime.path} exited with code ${code}`);
}

/** The directories that a runtime makes to mount on are the container's: whoever runs in it passes through them. */
function withUmask<T>(mask: number, body: () => T): T {
  const ours = process.umask(mask);
  try {
    return body();
  } finally {
    process.umask(ours);
  }
}

/** The messages of the runtime's log, in its order. */
function readComplaint(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").slice(-64 * 1024);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
  const messages: string[] = [];
  for (const line of text.split("\n")) {
    try {
      const entry = JSON.parse(line);
      if (entry.level === "error" || entry.level === "fatal") messages.push(String(entry.msg));
    } catch {
      // Not every runtime keeps to one object a line.
    }
  }
  return messages.join(": ") || text.trim();
}

function readIdentity(path: string): ProcessIdentity {
  const pid = Number(readFileSync(path, "utf8").trim());
  const startTime = Number.isInteger(pid) && pid > 0 ? startTimeOf(pid) : null;
  if (startTime === null) throw systemError(`read the process's identity: no process ${pid}`);
  return { pid, startTime };
}

interface ConsoleSocket extends Disposable {
  readonly fd: number;
  readonly path: string;
}

/** In a directory of short name, because a socket's path ends at 107 bytes and an exec root may be long. */
function openConsoleSocket(): ConsoleSocket {
  const directory = mkdtempSync(join(tmpdir(), "dhow-"));
  const path = join(directory, "console");
  try {
    const fd = listenUnix(path);
    return {
      fd,
      path,
      [Symbol.dispose]: () => {
        closeSync(fd);
        rmSync(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

function receiveConsole(socket: ConsoleSocket, io: ProcessIo): number {
  const master = receiveDescriptor(socket.fd);
  if (master === null) throw systemError("receive the terminal: the OCI runtime sent none");
  setNonblocking(master);
  if (io.consoleSize) setWindowSize(master, ...io.consoleSize);
  return master;
}

/** Writes the `process` object of an exec and returns its path. */
export function writeProcess(directory: string, process: unknown): string {
  const path = join(directory, "process.json");
  writeFileSync(path, JSON.stringify(process), { mode: 0o600 });
  return path;
}
