import { paths } from "../../../api/paths.ts";
import { ApiError } from "../../../client/client.ts";
import { to } from "../../../client/route-call.ts";
import { messageOf } from "../../../lib/errors.ts";
import { flag } from "../../../lib/flags.ts";
import type { Cli } from "../../cli.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { createFlags } from "../../container/create-flags.ts";
import { attachments, createRequest } from "../../container/create-request.ts";
import {
  beginWait,
  chosenDetachKeys,
  createContainer,
  exitCodeOf,
  failureOf,
  hijackStreams,
  requireTerminal,
  startFailureCode,
} from "../../container/run.ts";
import { followSize, forwardSignals, isTold, joinStreams, toldSession } from "../../container/streams.ts";
import { StepClock, stepsOf, timingsHeader } from "../../container/timings.ts";
import { WriteError } from "../../output.ts";

const runFlags = {
  ...createFlags,
  detach: flag.bool("Leave it running and print its ID", { short: "d" }),
  "detach-keys": flag.string("Keys that leave the container running"),
  "sig-proxy": flag.bool("Hand signals to the process", { initial: true }),
  timings: flag.bool("Print where the time went", { hidden: false }),
};

type Flags = import("../../../lib/flags.ts").FlagValues<typeof runFlags>;

export const command = defineCommand({
  summary: "Create a container from an image and run it",
  usage: "IMAGE [COMMAND] [ARG...]",
  args: { min: 1 },
  flags: runFlags,
  interspersed: false,
  complete: "images",
  async run(cli, { flags, changed, args }) {
    try {
      return await run(cli, flags, changed, args);
    } catch (error) {
      if (error instanceof ExitError) throw error;
      if (error instanceof WriteError) throw proxiesSignals(flags) ? new ExitError(1, error.message) : error;
      const fromDaemon = error instanceof ApiError;
      const message = `${fromDaemon ? "Error response from daemon: " : ""}${messageOf(error)}`;
      throw failureOf(cli, "run", message, startFailureCode(message));
    }
  },
});

/** Whoever hands every signal on has caught SIGPIPE too, so that a reader of ours that has gone is an error to be told. */
function proxiesSignals(flags: Flags): boolean {
  return flags["sig-proxy"] && !flags.tty && !flags.detach;
}

async function run(cli: Cli, flags: Flags, changed: ReadonlySet<string>, args: readonly string[]): Promise<number> {
  const clock = new StepClock();
  if (flags.detach && flags.attach.length > 0)
    throw new ExitError(1, "conflicting options: cannot specify both --attach and --detach");
  const attached = flags.detach ? new Set<string>() : attachments(flags, false);
  const detachKeys = await chosenDetachKeys(cli, flags["detach-keys"]);
  await requireTerminal(flags.tty, attached.has("stdin"));
  const config = await cli.config();
  const { address } = await cli.daemon();
  const context = { flags, changed, args, detach: flags.detach, config, daemonAddress: address };
  const body = await createRequest(context).catch((error: unknown) => {
    throw failureOf(cli, "run", error);
  });
  if (flags.tty) {
    const { terminalSize } = await import("../../../lib/terminal.ts");
    const size = terminalSize();
    if (size) body.HostConfig.ConsoleSize = [size.rows, size.columns];
  }
  const client = await cli.client();
  clock.end("client: flags and configuration");
  const timed = flags.timings;
  const { id, steps: createSteps } = await createContainer(cli, client, flags, body, timed);
  clock.end("create", createSteps);
  await cli.stderr.flush();

  const start = async (): Promise<void> => {
    const reply = await client.jsonAndHeaders(to(paths.containerStart, { id }), {
      ...(timed && { headers: timingsHeader }),
    });
    clock.end("start", stepsOf(reply.headers));
  };
  if (attached.size === 0) {
    // The container is there also where it cannot start: scripts must know what to remove.
    await start().finally(() => cli.out(`${id}\n`));
    if (timed) clock.print(cli);
    return 0;
  }
  const stopSignals = proxiesSignals(flags)
    ? forwardSignals((signal) => client.json(to(paths.containerKill, { id }, { signal })))
    : () => {};
  const until = flags.rm ? "removed" : "next-exit";
  const streams = { stdin: attached.has("stdin"), stdout: attached.has("stdout"), stderr: attached.has("stderr") };
  // A daemon of our kind starts the container with it, any other does not know the word.
  const hijacked = await hijackStreams(
    client,
    to(paths.containerAttach, { id }, { stream: true, ...streams, detachKeys, start: until }),
    { headers: { ...toldSession, ...(timed && timingsHeader) } },
  );
  const told = isTold(hijacked);
  clock.end(told ? "attach and start" : "attach", stepsOf(hijacked.headers));
  const waiting = told ? null : await beginWait(client, id, until);
  const joined = joinStreams(cli, hijacked, { tty: flags.tty, stdin: streams.stdin, detachKeys });
  // It is awaited after the start; until then its failure is not unhandled.
  joined.catch(() => undefined);
  try {
    if (!told) await start();
  } catch (error) {
    hijacked.stream.close();
    if (flags.rm) await waiting?.code.catch(() => undefined);
    throw error;
  }
  const stopSizes = flags.tty
    ? await followSize(({ rows, columns }) =>
        client.json(to(paths.containerResize, { id }, { h: String(rows), w: String(columns) })),
      )
    : () => {};
  const end = await joined;
  clock.end(end.outcome && flags.rm ? "process and removal" : "process");
  stopSizes();
  if (end.detached) {
    stopSignals();
    return 0;
  }
  const code = await (end.outcome ? exitCodeOf(end.outcome) : exited(waiting));
  if (!end.outcome) clock.end(flags.rm ? "exit and removal" : "exit");
  stopSignals();
  if (timed) clock.print(cli);
  return code;
}

/** The end that a wait tells; a session that should have told it and did not was cut. */
async function exited(waiting: { code: Promise<number> } | null): Promise<number> {
  if (waiting) return waiting.code;
  throw new ExitError(125, "Error waiting for container: unexpected EOF");
}
