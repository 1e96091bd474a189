/** A command inside a running container: made, started, joined, its exit code. `exec` and `compose exec` share it. */
import type { ExecInspectResponse, IDResponse } from "../../api/exec.ts";
import { paths } from "../../api/paths.ts";
import { execIdHeader } from "../../api/session.ts";
import { ApiError, type Client, type Hijacked } from "../../client/client.ts";
import { to } from "../../client/route-call.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { hijackStreams } from "./run.ts";
import { followSize, joinStreams, toldSession } from "./streams.ts";

/** The body of an exec's creation. */
export interface ExecConfig {
  readonly Cmd: readonly string[];
  readonly Tty: boolean;
  readonly DetachKeys: string;
  readonly ConsoleSize?: number[];
}

/** Answers the exit code; 0 for one that was left running. */
export async function runExec(
  cli: Cli,
  client: Client,
  name: string,
  config: ExecConfig,
  { detach, stdin }: { readonly detach: boolean; readonly stdin: boolean },
): Promise<number> {
  if (detach) {
    const id = await createExec(client, name, config);
    await client.json(to(paths.execStart, { id }), { json: { Detach: true, Tty: config.Tty } });
    return 0;
  }
  const { id, hijacked } = (await runAtOnce(client, name, config)) ?? (await createAndStart(client, name, config));
  const stopSizes = config.Tty
    ? await followSize(({ rows, columns }) =>
        client.json(to(paths.execResize, { id }, { h: String(rows), w: String(columns) })),
      )
    : () => {};
  const end = await joinStreams(cli, hijacked, { tty: config.Tty, stdin, detachKeys: config.DetachKeys });
  stopSizes();
  if (end.detached) return 0;
  if (end.outcome) return end.outcome.StatusCode;
  try {
    const { ExitCode } = await client.json<ExecInspectResponse>(to(paths.execInspect, { id }));
    return ExitCode ?? 0;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ExitError(255);
  }
}

interface Started {
  readonly id: string;
  readonly hijacked: Hijacked;
}

/** One request to a daemon of our kind; null from one that has no such route. */
async function runAtOnce(client: Client, name: string, config: object): Promise<Started | null> {
  try {
    const hijacked = await client.hijack(to(paths.execRun, { id: name }), {
      json: config,
      headers: toldSession,
      early: true,
    });
    return { id: hijacked.headers.get(execIdHeader.toLowerCase()) ?? "", hijacked };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404 && error.message === "page not found") return null;
    throw error;
  }
}

async function createExec(client: Client, name: string, config: object): Promise<string> {
  return (await client.json<IDResponse>(to(paths.execCreate, { id: name }), { json: config })).Id;
}

async function createAndStart(
  client: Client,
  name: string,
  config: { readonly Tty: boolean; readonly ConsoleSize?: number[] },
): Promise<Started> {
  const id = await createExec(client, name, config);
  const { Tty, ConsoleSize } = config;
  const json = { Detach: false, Tty, ...(ConsoleSize && { ConsoleSize }) };
  return { id, hijacked: await hijackStreams(client, to(paths.execStart, { id }), { json }) };
}
