import { flag } from "../../../lib/flags.ts";
import { isTerminal, terminalSize } from "../../../lib/terminal.ts";
import { defineCommand } from "../../command.ts";
import { oneContainer } from "../../compose/choose.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { Scope } from "../../compose/scope.ts";
import { readEnvironment } from "../../container/env-file.ts";
import { runExec } from "../../container/exec.ts";
import { checkVariable } from "../../container/name-checks.ts";

export const command = defineCommand({
  summary: "Run a command in a container of a service",
  usage: "SERVICE COMMAND [ARGS...]",
  args: { min: 2 },
  complete: "services",
  flags: {
    ...dryRunFlag,
    detach: flag.bool("Leave it running in the background", { short: "d" }),
    env: flag.list("Environment variable", { short: "e", kind: "stringArray", check: checkVariable }),
    index: flag.int("Number of the container, where a service has several"),
    interactive: flag.bool("Keep standard input open", { short: "i", initial: true, hidden: true }),
    "no-tty": flag.bool("Give the command no terminal (it has one where there is one here)", { short: "T" }),
    privileged: flag.bool("Give the command all of the host's powers"),
    tty: flag.bool("Give the command a terminal", { short: "t", hidden: true, initial: true }),
    user: flag.string("User to run as", { short: "u" }),
    workdir: flag.string("Working directory inside the container", { short: "w" }),
  },
  interspersed: false,
  async run(cli, input) {
    const { flags, args } = input;
    const [service = "", ...words] = args;
    const scope = await Scope.open(cli, input);
    const { observed } = await scope.found();
    const container = oneContainer(observed, service, flags.index, true);
    if (scope.dryRun) return 0;
    const { detach } = flags;
    const tty = !detach && flags.tty && !flags["no-tty"] && isTerminal(0) && isTerminal(1);
    const stdin = flags.interactive && !detach;
    const size = tty ? terminalSize() : null;
    const config = {
      User: flags.user,
      Privileged: flags.privileged,
      Tty: tty,
      ...(size && { ConsoleSize: [size.rows, size.columns] }),
      AttachStdin: stdin,
      AttachStdout: !detach,
      AttachStderr: !detach,
      DetachKeys: "",
      Env: await readEnvironment([], flags.env),
      WorkingDir: flags.workdir,
      Cmd: words,
    };
    return runExec(cli, scope.client, container.id, config, { detach, stdin });
  },
});
