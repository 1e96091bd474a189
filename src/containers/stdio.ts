import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { notImplemented } from "../lib/errors.ts";
import type { LogRecord } from "../lib/log-file/record.ts";
import type { Operation } from "../lib/operation.ts";
import type { AttachStream } from "./collaborators.ts";
import type { Container } from "./container.ts";
import type { AttachQuery, LogsQuery, StdioSession } from "./containers.ts";
import { type Context, emit, pathsOf } from "./context.ts";
import { hasProcess, refuse } from "./lifecycle.ts";

/** A session over the runtime's stream; `onDetach` is told when the client leaves by its detach keys. */
export function session(
  stream: AttachStream,
  want: { readonly tty: boolean; readonly stdin: boolean; readonly output?: Readable },
  onDetach: () => void,
): StdioSession {
  let open = true;
  return {
    tty: want.tty,
    output: want.output ?? stream.output,
    input: want.stdin ? stream.input : null,
    close(reason) {
      if (!open) return;
      open = false;
      stream.close();
      if (reason === "detached") onDetach();
    },
  };
}

/** Attaches to the container's first process, or to the one that its next start makes. */
export async function attachContainer(
  ctx: Context,
  container: Container,
  query: AttachQuery,
  op: Operation,
): Promise<StdioSession> {
  refuse("attach", container);
  const { Tty, OpenStdin } = container.record.config;
  const replay = query.logs ? logLines(ctx, container, replayQuery(query), op) : null;
  if (!query.stream) {
    const output = replay ? Readable.from(replay, { objectMode: false }) : Readable.from([]);
    return { tty: Tty, output, input: null, close: () => output.destroy() };
  }
  const stdin = query.stdin && OpenStdin;
  const stream = await ctx.runtime.attach(
    { containerId: container.id },
    { stdin, stdout: query.stdout, stderr: query.stderr },
  );
  emit(ctx, container, "attach");
  if (!hasProcess(container.status)) container.attached.add(stream);
  stream.output.once("close", () => container.attached.delete(stream));
  const output = replay ? inTurn(replay, stream.output) : stream.output;
  return session(stream, { tty: Tty, stdin, output }, () => emit(ctx, container, "detach"));
}

function replayQuery(query: AttachQuery): LogsQuery {
  return {
    follow: false,
    stdout: query.stdout,
    stderr: query.stderr,
    since: undefined,
    until: undefined,
    timestamps: false,
    details: false,
    tail: undefined,
  };
}

function inTurn(first: AsyncIterable<Uint8Array>, then: Readable): Readable {
  const out = new PassThrough();
  const both = async function* () {
    yield* first;
    yield* then;
  };
  pipeline(Readable.from(both(), { objectMode: false }), out).catch((error) => out.destroy(error));
  return out;
}

/** What the container wrote, raw with a terminal, else in Docker's frames. */
export function containerLogs(
  ctx: Context,
  container: Container,
  query: LogsQuery,
  op: Operation,
): { tty: boolean; output: Readable } {
  if (container.record.hostConfig.LogConfig.Type === "none") {
    throw notImplemented("configured logging driver does not support reading");
  }
  const output = Readable.from(logLines(ctx, container, query, op), { objectMode: false });
  return { tty: container.record.config.Tty, output };
}

async function* logLines(
  ctx: Context,
  container: Container,
  query: LogsQuery,
  op: Operation,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { log } = pathsOf(ctx, container.id);
  const follow = query.follow && hasProcess(container.status);
  const ended = follow ? container.running.signal : AbortSignal.abort();
  for await (const line of ctx.logs.read(log, { ...query, follow }, ended, op.signal)) {
    if (!(line.stream === "stdout" ? query.stdout : query.stderr)) continue;
    const bytes = decorate(line, query);
    yield container.record.config.Tty ? bytes : frame(line.stream, bytes);
  }
}

function decorate({ log, time }: LogRecord, query: LogsQuery): Uint8Array {
  return Buffer.from(`${query.timestamps ? `${nineDecimals(time)} ` : ""}${query.details ? " " : ""}${log}`);
}

/** Log files drop closing zeros of a time, as Docker's do; clients see all nine decimals. */
function nineDecimals(time: string): string {
  const [whole = "", fraction = ""] = time.replace(/Z$/, "").split(".");
  return `${whole}.${fraction.padEnd(9, "0")}Z`;
}

/** One of Docker's frames: stream number, three zeros, length, bytes. */
export function frame(stream: "stdout" | "stderr", bytes: Uint8Array): Uint8Array {
  const result = Buffer.alloc(8 + bytes.length);
  result[0] = stream === "stdout" ? 1 : 2;
  result.writeUInt32BE(bytes.length, 4);
  result.set(bytes, 8);
  return result;
}
