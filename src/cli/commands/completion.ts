import { defineCommand, ExitError } from "../command.ts";
import { completionScript, shells } from "../completion-scripts.ts";

export const command = defineCommand({
  summary: "Print the completion script of a shell",
  usage: "SHELL",
  args: { min: 1, max: 1 },
  flags: {},
  complete: shells,
  async run(cli, { args: [shell = ""] }) {
    const script = completionScript(cli.name, shell);
    if (script === null) throw new ExitError(1, `unknown shell ${JSON.stringify(shell)}: bash, zsh and fish are known`);
    cli.out(script);
    return 0;
  },
});
