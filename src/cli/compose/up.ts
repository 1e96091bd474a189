/** `compose up`: the project's files read, a plan made and carried out. */
import { noteReads } from "../../compose/loader/reads.ts";
import { isTerminal } from "../../lib/terminal.ts";
import type { Cli } from "../cli.ts";
import { ExitError, type Input } from "../command.ts";
import { converge, plannedAgain, volumeConsent } from "./converge.ts";
import { imageOptions, upOptions } from "./create-flags.ts";
import { isOn } from "./globals.ts";
import { LogPrinter } from "./log-printer.ts";
import { agreeToRemote } from "./remote/consent.ts";
import { Scope } from "./scope.ts";
import type { SettledUp } from "./settled-up.ts";
import { shownServices, upAttached } from "./up-attached.ts";
import type { upFlags } from "./up-words.ts";

/** `settled` is told where there was nothing to do. Answers the exit code. */
export async function up(cli: Cli, input: Input<typeof upFlags>, settled: SettledUp | null): Promise<number> {
  const { flags, changed, args } = input;
  const detach = flags.detach || flags.wait;
  const reads = settled && noteReads();
  const scope = await Scope.open(cli, input);
  const project = await scope.project({ services: args, withoutDependencies: flags["no-deps"] });
  if (Object.keys(project.services).length === 0) throw new ExitError(1, "no service selected");
  await agreeToRemote(scope, project, { yes: flags.yes });
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
      const done = await converge(scope, project, imageOptions(flags), options, {
        volumes,
        ...(limit && { signal: limit }),
      });
      if (reads && !scope.hasWarned) {
        const isDone = done.plan.operations.every(({ action }) => action.kind === "keep");
        await settled.keep(isDone ? done : await plannedAgain(scope, done), reads);
      }
    } catch (error) {
      if (!limit?.aborted) throw error;
      throw new ExitError(1, `application not healthy after ${flags["wait-timeout"]}s`);
    }
    return 0;
  }
  const printer = new LogPrinter(cli, scope.display, {
    colours: !flags["no-color"] && scope.flags.ansi !== "never" && (isTerminal(1) || scope.flags.ansi === "always"),
    prefix: !flags["no-log-prefix"],
  });
  const from = flags["exit-code-from"];
  if (from !== "" && !project.services[from]) throw new ExitError(1, `no such service: ${from}: not found`);
  const absent = flags.attach.filter((name) => !project.services[name]);
  if (absent.length > 0) throw new ExitError(1, `cannot attach to services not included in up: ${absent.join(", ")}`);
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
    menu: changed.has("menu") ? flags.menu : !process.env.COMPOSE_MENU || isOn("COMPOSE_MENU"),
    ...(changed.has("timeout") && { timeout: flags.timeout }),
  });
}
