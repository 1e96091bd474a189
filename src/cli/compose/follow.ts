/** A container's log, printed as it comes. */
import { paths } from "../../api/paths.ts";
import { ApiError, type Client } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import { copyFrames, copyRaw } from "../container/streams.ts";
import type { LogPrinter } from "./log-printer.ts";

export interface LogQuery {
  readonly follow: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly tail?: string;
  readonly timestamps?: boolean;
}

/** Answers at the log's end; a container that has gone meanwhile, or whose driver cannot be read, has none. */
export async function printLog(
  client: Client,
  printer: LogPrinter,
  container: { readonly id: string; readonly name: string },
  query: LogQuery,
  signal?: AbortSignal,
): Promise<void> {
  const sink = printer.sink(container.name);
  try {
    const { headers, body } = await client.stream(
      to(paths.containerLogs, { id: container.id }, { stdout: true, stderr: true, ...query }),
      signal ? { signal } : {},
    );
    const read = async (): Promise<Uint8Array | null> => {
      const { done, value } = await body.next();
      return done ? null : value;
    };
    if (headers.get("content-type") === "application/vnd.docker.raw-stream") await copyRaw(read, sink.out);
    else await copyFrames(read, sink.out, sink.err);
  } catch (error) {
    if (signal?.aborted) return;
    if (!(error instanceof ApiError) || error.status === 500) throw error;
  } finally {
    sink.end();
  }
}
