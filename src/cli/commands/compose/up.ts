import type { Project } from "../../../compose/model/project.ts";
import { flag } from "../../../lib/flags.ts";
import { isTerminal } from "../../../lib/terminal.ts";
import { defineCommand, ExitError } from "../../command.ts";
import { dryRunFlag } from "../../compose/globals.ts";
import { LogPrinter } from "../../compose/log-printer.ts";
import { Scope } from "../../compose/scope.ts";
import { shownServices, upAttached } from "../../compose/up-attached.ts";
import {
  checkCreateFlags,
  converge,
  createFlags,
  imageOptions,
  upOptions,
  volumeConsent,
} from "../../compose/up-flags.ts";

export const command = defineCommand({
  summary: "Create and start containers",
  usage: "[SERVICE...]",
  args: { min: 0 },
  complete: "services",
  flags: {
    ...createFlags,
    ...dryRunFlag,
    "abort-on-container-exit": flag.bool("Stop all containers once one has ended"),
    "abort-on-container-failure": flag.bool("Stop all containers once one has failed"),
    "always-recreate-deps": flag.bool("Make the containers of dependencies anew"),
    attach: flag.list("Show the output of these services only", { kind: "stringArray" }),
    "attach-dependencies": flag.bool("Show the output of dependencies too"),
    detach: flag.bool("Leave the containers running and return", { short: "d" }),
    "exit-code-from": flag.string("Return the exit code of this service; stops all once it ends"),
    menu: flag.bool("Keys to steer a running project (not supported)"),
    "no-attach": flag.list("Show no output of these services", { kind: "stringArray" }),
    "no-color": flag.bool("Use no colours"),
    "no-deps": flag.bool("Leave dependencies alone"),
    "no-log-prefix": flag.bool("Leave the containers' names away"),
    "no-start": flag.bool("Create only"),
    "quiet-build": flag.bool("Build without a word"),
    "renew-anon-volumes": flag.bool("Begin with new anonymous volumes", { short: "V" }),
    timeout: flag.int("Seconds to wait for a stop", { short: "t" }),
    timestamps: flag.bool("Print when each line was written"),
    wait: flag.bool("Return once all services run or are healthy; implies -d"),
    "wait-timeout": flag.int("Seconds that --wait may take"),
    watch: flag.bool("Follow the sources, as `compose watch` does", { short: "w" }),
  },
  async run(cli, input) {
    const { flags, changed, args } = input;
    checkCreateFlags(flags);
    const aborts =
      flags["abort-on-container-exit"] || flags["abort-on-container-failure"] || flags["exit-code-from"] !== "";
    const detach = flags.detach || flags.wait;
    if (detach && aborts) {
      throw new ExitError(
        1,
        "--abort-on-container-exit, --abort-on-container-failure and --exit-code-from cannot be combined with --detach or --wait",
      );
    }
    if (flags["attach-dependencies"] && flags.attach.length > 0)
      throw new ExitError(1, "cannot combine --attach and --attach-dependencies");
    if (flags["always-recreate-deps"] && flags["no-recreate"])
      throw new ExitError(1, "--always-recreate-deps and --no-recreate are incompatible");
    if (flags.watch && flags.detach) throw new ExitError(1, "--watch cannot be combined with --detach");
    const scope = await Scope.open(cli, input);
    if (changed.has("menu") && flags.menu) scope.warn("--menu is not supported and is ignored");
    const project = await scope.project({ services: args, withoutDependencies: flags["no-deps"] });
    if (Object.keys(project.services).length === 0) throw new ExitError(1, "no service selected");
    const options = {
      ...upOptions(flags, args, !flags["no-start"]),
      renewVolumes: flags["renew-anon-volumes"],
      ...(flags["always-recreate-deps"] && { recreateDependencies: "force" as const }),
      ...(changed.has("timeout") && { timeout: flags.timeout }),
      wait: flags.wait,
    };
    if (flags["no-start"] || scope.dryRun || detach) {
      const volumes = volumeConsent(flags);
      const limit = flags["wait-timeout"] > 0 ? AbortSignal.timeout(flags["wait-timeout"] * 1000) : undefined;
      try {
        await converge(scope, project, imageOptions(flags), options, { volumes, ...(limit && { signal: limit }) });
      } catch (error) {
        if (!limit?.aborted) throw error;
        throw new ExitError(1, `application not healthy after ${flags["wait-timeout"]}s`);
      }
      return 0;
    }
    const printer = new LogPrinter(cli, {
      colours: !flags["no-color"] && scope.flags.ansi !== "never" && (isTerminal(1) || scope.flags.ansi === "always"),
      prefix: !flags["no-log-prefix"],
    });
    checkAttach(project, [...flags.attach, ...flags["no-attach"], ...[flags["exit-code-from"]].filter(Boolean)]);
    return upAttached(scope, project, printer, {
      images: imageOptions(flags),
      volumes: volumeConsent(flags),
      up: options,
      shown: shownServices(project, args, flags),
      timestamps: flags.timestamps,
      abortOnExit: flags["abort-on-container-exit"] || flags["exit-code-from"] !== "",
      abortOnFailure: flags["abort-on-container-failure"],
      exitCodeFrom: flags["exit-code-from"],
      watch: flags.watch,
      ...(changed.has("timeout") && { timeout: flags.timeout }),
    });
  },
});

function checkAttach(project: Project, names: readonly string[]): void {
  for (const name of names) if (!project.services[name]) throw new ExitError(1, `no such service: ${name}`);
}
