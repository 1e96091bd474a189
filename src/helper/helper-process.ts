/** Running one of this binary's own helpers: request by argument, bytes by stdin, one JSON line back. */
import { type ChildProcess, spawn } from "node:child_process";
import { Readable } from "node:stream";
import { DhowError, type ErrorKind, errorKinds, internal, kindOf, messageOf } from "../lib/errors.ts";
import { selfCommand } from "../lib/self.ts";
import { endWithParent } from "../linux/process.ts";
import { isErrno } from "../linux/syscall-error.ts";

/** What a helper answers: its result, or an error to be thrown on the caller's side. */
interface Reply<T> {
  readonly result?: T;
  readonly error?: { readonly kind: ErrorKind; readonly message: string };
}

/** What else a helper may be given. */
export interface HelperExtras {
  /** Told each JSON line of the helper's output but the last, as it comes. */
  readonly onLine?: (line: unknown) => void;
  /** A descriptor that the helper finds as its descriptor 3; it stays the caller's to close. */
  readonly fd?: number;
}

function start(
  name: string,
  request: unknown,
  stdio: ("pipe" | "ignore" | number)[],
  signal?: AbortSignal,
): ChildProcess {
  const [file = "", ...args] = selfCommand("helper", name, JSON.stringify(request));
  return spawn(file, args, { stdio, signal, killSignal: "SIGKILL", cwd: "/" });
}

/** Runs a helper to its end, feeding it `input`; throws what it reports, or the signal's reason. */
export async function runHelper<T>(
  name: string,
  request: unknown,
  input: Readable | null,
  signal?: AbortSignal,
  { onLine, fd }: HelperExtras = {},
): Promise<T> {
  signal?.throwIfAborted();
  const extra = fd === undefined ? [] : [fd];
  const child = start(name, request, [input ? "pipe" : "ignore", "pipe", "pipe", ...extra], signal);
  const output = onLine ? eachLine(child.stdout, onLine) : collect(child.stdout);
  const complaint = collect(child.stderr);
  let inputError: unknown = null;
  if (input) {
    feed(input, child).catch((error) => {
      inputError = error;
      child.kill("SIGKILL");
    });
  }
  const code = await endOf(child);
  if (inputError) throw inputError;
  signal?.throwIfAborted();
  return parseReply<T>(name, await output, code, await complaint);
}

/** The exit code once the process is gone, also when it was killed: until then it may still be writing files. */
function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      if (child.pid === undefined) reject(error); // it never ran; an aborted one is told by "close"
    });
    child.on("close", (exitCode) => resolve(exitCode));
  });
}

/**
 * Gives the helper its input, one chunk at a time and waiting for each: `pipe` into a child lets the whole of a fast
 * upload gather in memory. A helper that ends early says why on its output, so that is no error here.
 */
async function feed(input: Readable, { stdin }: ChildProcess): Promise<void> {
  if (!stdin) return;
  let open = true;
  stdin.on("error", () => {
    open = false;
  });
  for await (const chunk of input as AsyncIterable<Uint8Array>) {
    if (!open) return;
    await new Promise<void>((resolve) => stdin.write(chunk, () => resolve()));
  }
  stdin.end();
}

function parseReply<T>(name: string, output: string, code: number | null, complaint: string): T {
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  let reply: Reply<T> | null = null;
  try {
    reply = JSON.parse(last) as Reply<T>; // our own binary wrote it
  } catch {
    reply = null;
  }
  if (reply?.error) {
    const kind = errorKinds.includes(reply.error.kind) ? reply.error.kind : "internal";
    throw new DhowError(kind, reply.error.message);
  }
  if (code !== 0 || reply?.result === undefined) {
    throw internal(`helper ${name} ended with ${code ?? "a signal"}: ${complaint.trim().slice(-500)}`);
  }
  return reply.result;
}

/**
 * Runs a helper whose output is the bytes wanted. The stream fails when the helper does; destroying it ends the helper.
 */
export function streamHelper(name: string, request: unknown, signal?: AbortSignal): Readable {
  const child = start(name, request, ["ignore", "pipe", "pipe"], signal);
  const complaint = collect(child.stderr);
  const ended = endOf(child);
  ended.catch(() => {});
  async function* bytes(): AsyncGenerator<Uint8Array> {
    if (child.stdout) yield* child.stdout as AsyncIterable<Uint8Array>;
    const code = await ended;
    signal?.throwIfAborted();
    if (code !== 0) parseReply(name, await complaint, code, await complaint);
  }
  const output = Readable.from(bytes(), { objectMode: false, highWaterMark: 256 * 1024 });
  // A generator that nobody has begun to read runs no `finally`, and one that waits for bytes cannot be ended: the stream does it.
  const destroy = output._destroy.bind(output);
  output._destroy = (error, callback) => {
    if (child.exitCode === null) child.kill("SIGKILL");
    destroy(error, callback);
  };
  return output;
}

/** Tells each line as soon as it is whole, but for the answer, which is what this answers. */
async function eachLine(stream: Readable | null, onLine: (line: unknown) => void): Promise<string> {
  let held = "";
  let answer = "";
  if (!stream) return held;
  stream.setEncoding("utf8");
  for await (const chunk of stream) {
    held += chunk;
    for (let end = held.indexOf("\n"); end >= 0; end = held.indexOf("\n")) {
      const text = held.slice(0, end);
      const line = JSON.parse(text) as object; // our own binary wrote it
      if ("result" in line || "error" in line) answer = text;
      else onLine(line);
      held = held.slice(end + 1);
    }
  }
  return answer || held;
}

/** The helper's side: one line for the caller's `onLine`, who knows an answer by its `result` or `error`. */
export function tellCaller(
  line: Readonly<Record<string, unknown>> & { readonly result?: never; readonly error?: never },
): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function collect(stream: Readable | null): Promise<string> {
  let text = "";
  if (!stream) return text;
  stream.setEncoding("utf8");
  for await (const chunk of stream) text = (text + chunk).slice(-64 * 1024);
  return text;
}

/** The helper's side: runs `work` on the request and reports its result or error; the exit code is 0 or 1. */
export async function answer<T, R>(args: string[], work: (request: T) => Promise<R>): Promise<void> {
  await report(process.stdout, async () => ({ result: (await work(JSON.parse(args[0] ?? "{}") as T)) ?? null }));
}

/** As {@link answer}, for a helper whose stdout carries bytes: only an error is told, on stderr. */
export async function stream<T>(args: string[], work: (request: T) => Promise<void>): Promise<void> {
  await report(process.stderr, async () => {
    await work(JSON.parse(args[0] ?? "{}") as T);
    return null;
  });
}

async function report(to: NodeJS.WriteStream, work: () => Promise<unknown>): Promise<void> {
  endWithParent();
  let line: unknown;
  let code = 0;
  try {
    line = await work();
  } catch (error) {
    code = 1;
    line = { error: { kind: helperKind(error), message: reasonOf(error) } };
  }
  if (line !== null) await new Promise<void>((resolve) => to.write(`${JSON.stringify(line)}\n`, () => resolve()));
  process.exit(code);
}

/** A full disk is told in the words that clients know. */
function reasonOf(error: unknown): string {
  if (!isErrno(error, "ENOSPC", "EDQUOT")) return messageOf(error);
  const { syscall = "write", path } = error as { syscall?: string; path?: string };
  const what = path ? `${syscall} ${path}` : syscall;
  return `${what}: ${isErrno(error, "ENOSPC") ? "no space left on device" : "disk quota exceeded"}`;
}

function helperKind(error: unknown): ErrorKind {
  if (error instanceof DhowError) return error.kind;
  if (isErrno(error, "ENOSPC", "EDQUOT")) return "resourceExhausted";
  return isErrno(error, "ENOENT") ? "notFound" : kindOf(error);
}
