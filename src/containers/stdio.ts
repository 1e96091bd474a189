import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { notImplemented } from "../lib/errors.ts";
import type { LogRecord } from "../lib/log-file/record.ts";
import type { Operation } from "../lib/operation.ts";
import { isCacheDisabled, logPath } from "../logs/log-target.ts";
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
  if (query.logs) needReadable(container);
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
  needReadable(container);
  const output = Readable.from(logLines(ctx, container, query, op), { objectMode: false });
  return { tty: container.record.config.Tty, output };
}

function needReadable(container: Container): void {
  const log = container.record.hostConfig.LogConfig;
  if (log.Type === "none" || isCacheDisabled(log)) {
    throw notImplemented("configured logging driver does not support reading");
  }
}

async function* logLines(
  ctx: Context,
  container: Container,
  query: LogsQuery,
  op: Operation,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { id, record, status } = container;
  const path = logPath(pathsOf(ctx, id).dir, id, record.hostConfig.LogConfig.Type);
  const follow = query.follow && hasProcess(status);
  const ended = follow ? container.running.signal : AbortSignal.abort();
  const { tail, since, until, stdout, stderr } = query;
  const wanted = {
    follow,
    stdout,
    stderr,
    ...(tail !== undefined && { tail }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
  for await (const { records } of ctx.logs.read(path, wanted, ended, op.signal)) {
    if (records.length > 0) yield render(records, query, record.config.Tty);
  }
}

function render(records: readonly LogRecord[], query: LogsQuery, tty: boolean): Uint8Array {
  const texts = records.map((record) => decorate(record, query));
  const mostBytes = texts.reduce((sum, text) => sum + headerBytes + text.length * 3, 0);
  const out = Buffer.allocUnsafe(mostBytes);
  let at = 0;
  for (const [index, { stream }] of records.entries()) {
    const header = tty ? 0 : headerBytes;
    const length = out.write(texts[index] ?? "", at + header);
    if (!tty) writeFrameHeader(out, at, stream, length);
    at += header + length;
  }
  return out.subarray(0, at);
}

function decorate({ log, time, attrs }: LogRecord, { timestamps, details }: LogsQuery): string {
  return `${timestamps ? `${nineDecimals(time)} ` : ""}${details ? `${detailsOf(attrs)} ` : ""}${log}`;
}

/** Attributes as Docker shows them: in the order of their names, escaped as in a query. */
function detailsOf(attrs: LogRecord["attrs"] = {}): string {
  const pairs = Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map((pair) => pair.map(queryEscape).join("=")).join(",");
}

/** Go's url.QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, "+");
}

/** Log files drop closing zeros of a time, as Docker's do; clients see all nine decimals. */
function nineDecimals(time: string): string {
  const [whole = "", fraction = ""] = time.replace(/Z$/, "").split(".");
  return `${whole}.${fraction.padEnd(9, "0")}Z`;
}

/** One of Docker's frames: stream number, three zeros, length, bytes. */
export function frame(stream: "stdout" | "stderr", bytes: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(headerBytes + bytes.length);
  writeFrameHeader(out, 0, stream, bytes.length);
  out.set(bytes, headerBytes);
  return out;
}

const headerBytes = 8;

function writeFrameHeader(out: Buffer, at: number, stream: "stdout" | "stderr", length: number): void {
  out.writeUInt32BE(stream === "stdout" ? 0x01000000 : 0x02000000, at);
  out.writeUInt32BE(length, at + 4);
}
