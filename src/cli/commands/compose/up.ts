import type { FlagValues } from "../../../lib/flags.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { checkCreateFlags } from "../../compose/create-flags.ts";
import { SettledUp } from "../../compose/settled-up.ts";
import { upFlags } from "../../compose/up-words.ts";

export const command = defineCommand({
  summary: "Create and start containers",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: upFlags,
  async run(cli, input) {
    const { flags } = input;
    checkCreateFlags(flags);
    const aborts =
      flags["abort-on-container-exit"] || flags["abort-on-container-failure"] || flags["exit-code-from"] !== "";
    const attaches = flags.attach.length > 0 || flags["attach-dependencies"];
    if (flags["abort-on-container-exit"] && flags["abort-on-container-failure"])
      throw new ExitError(1, "--abort-on-container-failure cannot be combined with --abort-on-container-exit");
    if (flags.wait && (aborts || attaches)) {
      throw new ExitError(
        1,
        "--wait cannot be combined with --abort-on-container-exit, --attach or --attach-dependencies",
      );
    }
    if ((flags.detach || flags.wait) && (aborts || attaches || flags.watch)) {
      throw new ExitError(
        1,
        `--${flags.wait ? "wait" : "detach"} cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --attach, --attach-dependencies or --watch`,
      );
    }
    if (flags["attach-dependencies"] && flags.attach.length > 0)
      throw new ExitError(1, "cannot combine --attach and --attach-dependencies");
    if (flags["always-recreate-deps"] && flags["no-recreate"])
      throw new ExitError(1, "--always-recreate-deps and --no-recreate are incompatible");
    const settled = canBeSettled(flags) && !cli.compose?.["dry-run"] ? await SettledUp.of(cli) : null;
    if (await settled?.holds()) return 0;
    const { up } = await import("../../compose/up.ts");
    return up(cli, input, settled);
  },
});

/** Without these an `up` does something each time, or waits for something. */
function canBeSettled(flags: FlagValues<typeof upFlags>): boolean {
  const { detach, wait, build, "no-start": noStart, "dry-run": dry } = flags;
  const remakes = flags["force-recreate"] || flags["always-recreate-deps"] || flags["renew-anon-volumes"];
  return (
    detach && !wait && !build && !noStart && !dry && !remakes && ["policy", "", "missing", "never"].includes(flags.pull)
  );
}
