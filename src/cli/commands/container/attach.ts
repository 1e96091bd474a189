import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { beginWait, chosenDetachKeys, hijackStreams, inspectContainer, requireTerminal } from "../../container/run.ts";
import { followSize, forwardSignals, joinStreams } from "../../container/streams.ts";
import { WriteError } from "../../output.ts";

export const command = defineCommand({
  summary: "Join the standard streams of a running container",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  flags: {
    "detach-keys": flag.string("Keys that leave the container running"),
    "no-stdin": flag.bool("Leave its standard input alone"),
    "sig-proxy": flag.bool("Hand signals to the process", { initial: true }),
  },
  complete: "running",
  async run(cli, { flags, args: [name = ""] }) {
    const client = await cli.client();
    const found = await inspectContainer(client, name);
    if (!found.State.Running) throw new ExitError(1, "You cannot attach to a stopped container, start it first");
    if (found.State.Paused) throw new ExitError(1, "You cannot attach to a paused container, unpause it first");
    if (found.State.Restarting)
      throw new ExitError(1, "You cannot attach to a restarting container, wait until it is running");
    const { Tty: tty, OpenStdin } = found.Config;
    const stdin = OpenStdin && !flags["no-stdin"];
    await requireTerminal(tty, stdin);
    const id = found.Id;
    const detachKeys = await chosenDetachKeys(cli, flags["detach-keys"]);
    const { code: exited } = await beginWait(client, id, "");
    const query = { stream: true, stdin, stdout: true, stderr: true, detachKeys };
    const hijacked = await hijackStreams(client, to(paths.containerAttach, { id }, query));
    const proxy = flags["sig-proxy"] && !tty;
    const stopSignals = proxy
      ? forwardSignals((signal) => client.json(to(paths.containerKill, { id }, { signal })))
      : () => {};
    const stopSizes = tty
      ? await followSize(({ rows, columns }) =>
          client.json(to(paths.containerResize, { id }, { h: String(rows), w: String(columns) })),
        )
      : () => {};
    const end = await joinStreams(cli, hijacked, { tty, stdin, detachKeys }).catch((error: unknown) => {
      throw proxy && error instanceof WriteError ? new ExitError(1, error.message) : error;
    });
    stopSizes();
    const code = end.detached ? 0 : await exited;
    stopSignals();
    return code;
  },
});
