/** A shell in the files of a step that failed. */
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import type { FailedStep } from "./failure.ts";

/** Runs a shell there, as the step's process was run, until it ends; its container and the image of the files go away with it. */
export async function openFailedStep(cli: Cli, { image }: FailedStep): Promise<void> {
  if (image === null) {
    cli.err("no shell in the failed step: this daemon's builder keeps nothing of it\n");
    return;
  }
  const client = await cli.client();
  try {
    if (!isTerminal(0)) {
      cli.err("no shell in the failed step: standard input is no terminal\n");
      return;
    }
    cli.err("a shell in the files of the failed step; it and they go away with `exit`\n");
    await cli.stderr.flush();
    const { command } = await import("../commands/container/run.ts");
    const { parseFlags } = await import("../../lib/flags.ts");
    const argv = ["--rm", "-it", "--entrypoint", "/bin/sh", image];
    await command.run(cli, parseFlags(command.flags, argv, false));
  } finally {
    await client.json(to(paths.imageRemove, { name: image }, { force: true })).catch(() => undefined);
  }
}
