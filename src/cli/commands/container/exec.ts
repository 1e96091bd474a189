import { flag } from "../../../lib/flags.ts";
import { defineCommand } from "../../command.ts";
import { readEnvironment } from "../../container/env-file.ts";
import { runExec } from "../../container/exec.ts";
import { checkVariable } from "../../container/name-checks.ts";
import { chosenDetachKeys, requireTerminal } from "../../container/run.ts";

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
    return runExec(cli, client, name, config, { detach, stdin });
  },
});
