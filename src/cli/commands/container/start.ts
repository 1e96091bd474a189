import { paths } from "../../../api/paths.ts";
import { to } from "../../../client/route-call.ts";
import { flag } from "../../../lib/flags.ts";
import type { Cli } from "../../cli.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { beginWait, chosenDetachKeys, hijackStreams, inspectContainer, requireTerminal } from "../../container/run.ts";
import { followSize, forwardSignals, joinStreams } from "../../container/streams.ts";
import { forEachName } from "../../for-each-name.ts";

const startFlags = {
  attach: flag.bool("Join its output and hand it signals", { short: "a" }),
  "detach-keys": flag.string("Keys that leave the container running"),
  interactive: flag.bool("Join its standard input", { short: "i" }),
};

export const command = defineCommand({
  summary: "Start stopped containers",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1 },
  flags: startFlags,
  complete: "containers",
  async run(cli, { flags, args }) {
    const [name = ""] = args;
    if (flags.attach || flags.interactive) {
      if (args.length > 1) throw new ExitError(1, "you cannot start and attach multiple containers at once");
      return startAttached(cli, name, flags.interactive, await chosenDetachKeys(cli, flags["detach-keys"]));
    }
    const client = await cli.client();
    const failed = new Set(args);
    const code = await forEachName(cli, args, async (each) => {
      await client.json(to(paths.containerStart, { id: each }));
      failed.delete(each);
      cli.out(`${each}\n`);
    });
    if (code !== 0) cli.err(`Error: failed to start containers: ${[...failed].join(", ")}\n`);
    return code;
  },
});

async function startAttached(cli: Cli, name: string, interactive: boolean, detachKeys: string): Promise<number> {
  const client = await cli.client();
  const found = await inspectContainer(client, name);
  const tty = found.Config.Tty;
  const stdin = interactive && found.Config.OpenStdin;
  await requireTerminal(tty, stdin);
  const id = found.Id;
  const stopSignals = tty
    ? () => {}
    : forwardSignals((signal) => client.json(to(paths.containerKill, { id }, { signal })));
  const query = { stream: true, stdin, stdout: true, stderr: true, detachKeys };
  const hijacked = await hijackStreams(client, to(paths.containerAttach, { id }, query));
  const { code: exited } = await beginWait(client, id, found.HostConfig.AutoRemove ? "removed" : "next-exit");
  const joined = joinStreams(cli, hijacked, { tty, stdin, detachKeys });
  // It is awaited after the start; until then its failure is not unhandled.
  joined.catch(() => undefined);
  try {
    await client.json(to(paths.containerStart, { id }));
  } catch (error) {
    hijacked.stream.close();
    throw error;
  }
  const stopSizes = tty
    ? await followSize(({ rows, columns }) =>
        client.json(to(paths.containerResize, { id }, { h: String(rows), w: String(columns) })),
      )
    : () => {};
  const end = await joined;
  stopSizes();
  const code = end.detached ? 0 : await exited;
  stopSignals();
  return code;
}
