import type { ExecInspectResponse, IDResponse } from "../../../api/exec.ts";
import { paths } from "../../../api/paths.ts";
import { execIdHeader } from "../../../api/session.ts";
import { ApiError, type Client, type Hijacked } from "../../../client/client.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { readEnvironment } from "../../container/env-file.ts";
import { checkVariable } from "../../container/name-checks.ts";
import { chosenDetachKeys, hijackStreams, requireTerminal } from "../../container/run.ts";
import { followSize, joinStreams, toldSession } from "../../container/streams.ts";

export const command = defineCommand({
  summary: "Run a command inside a running container",
  usage: "CONTAINER COMMAND [ARG...]",
  args: { min: 2 },
  flags: {
    detach: flag.bool("Leave it running in the background", { short: "d" }),
    "detach-keys": flag.string("Keys that leave the command running"),
    env: flag.list("Environment variable", { short: "e", check: checkVariable }),
    "env-file": flag.list("File of environment variables", { complete: "files" }),
    interactive: flag.bool("Keep standard input open", { short: "i" }),
    privileged: flag.bool("Give the command all of the host's powers"),
    tty: flag.bool("Give the command a terminal", { short: "t" }),
    user: flag.string("User to run as (name or uid[:group or gid])", { short: "u" }),
    workdir: flag.string("Working directory inside the container", { short: "w" }),
  },
  interspersed: false,
  complete: "running",
  async run(cli, { flags, args: [name = "", ...words] }) {
    const client = await cli.client();
    const detachKeys = await chosenDetachKeys(cli, flags["detach-keys"]);
    const { tty, detach } = flags;
    const stdin = flags.interactive && !detach;
    await requireTerminal(tty, stdin);
    const size = tty && !detach ? (await import("../../../lib/terminal.ts")).terminalSize() : null;
    const consoleSize = size ? { ConsoleSize: [size.rows, size.columns] } : {};
    const config = {
      User: flags.user,
      Privileged: flags.privileged,
      Tty: tty,
      ...consoleSize,
      AttachStdin: stdin,
      AttachStdout: !detach,
      AttachStderr: !detach,
      DetachKeys: detachKeys,
      Env: await readEnvironment(flags["env-file"], flags.env),
      WorkingDir: flags.workdir,
      Cmd: words,
    };
    if (detach) {
      const id = await createExec(client, name, config);
      await client.json(to(paths.execStart, { id }), { json: { Detach: true, Tty: tty } });
      return 0;
    }
    const { id, hijacked } = (await runAtOnce(client, name, config)) ?? (await createAndStart(client, name, config));
    const stopSizes = tty
      ? await followSize(({ rows, columns }) =>
          client.json(to(paths.execResize, { id }, { h: String(rows), w: String(columns) })),
        )
      : () => {};
    const end = await joinStreams(cli, hijacked, { tty, stdin, detachKeys });
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
  },
});

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
