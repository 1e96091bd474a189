import { ApiError } from "../../../client/client.ts";
import { callText, readCall } from "../../build/call.ts";
import { classicBuild } from "../../build/classic.ts";
import { BuildFailure } from "../../build/failure.ts";
import { type BuildFlags, buildFlags, unusable } from "../../build/flags.ts";
import { settingsOf } from "../../build/from-flags.ts";
import { catchSignals, type Interrupt } from "../../build/interrupt.ts";
import { openProgress, type Progress, readProgressMode } from "../../build/progress/progress.ts";
import { imageId, metadataOf, writeResult } from "../../build/results.ts";
import type { BuildSettings } from "../../build/settings.ts";
import { askFrontend, type BuildOutcome, runBuild } from "../../build/solve.ts";
import type { Cli } from "../../cli.ts";
import { defineCommand, ExitError } from "../../command.ts";

export const command = defineCommand({
  summary: "Build an image from a Dockerfile",
  usage: "PATH | URL | -",
  args: { min: 1, max: 1 },
  flags: buildFlags,
  async run(cli, { flags, changed, args: [context = ""] }) {
    checkBuilder(flags.builder);
    const mode = readProgressMode(flags.progress, flags.quiet);
    // BuildKit's protocol has no place for it.
    if (flags.squash || !(await speaksBuildkit(cli))) {
      const name = unusable(changed, flags, "classic");
      const why = flags.squash ? "which has no --squash" : "which this daemon does not offer";
      if (name !== null) throw new ExitError(1, `--${name} needs BuildKit, ${why}`);
      const id = await classicBuild(cli, context, flags);
      if (flags.iidfile !== "") await writeResult(flags.iidfile, id, "image ID file");
      return 0;
    }
    const name = unusable(changed, flags, "buildkit");
    if (name !== null) cli.err(`WARNING: --${name} has no effect on a build with BuildKit\n`);
    const settings = await settingsOf(cli, context, flags);
    const progress = openProgress({
      mode,
      output: cli.stderr,
      title: settings.tags[0] ?? "",
      builder: "default",
      debug: flags.debug || cli.globals.debug,
    });
    using interrupt = catchSignals(() => progress.cancelling());
    return await build({ cli, flags, settings, progress, interrupt });
  },
});

interface Work {
  readonly cli: Cli;
  readonly flags: BuildFlags;
  readonly settings: BuildSettings;
  readonly progress: Progress;
  readonly interrupt: Interrupt;
}

async function build({ cli, flags, settings, progress, interrupt }: Work): Promise<number> {
  const run = { settings, progress, signal: interrupt.signal, keepsFailed: flags.debug };
  const call = readCall(flags.call, flags.check);
  let outcome: BuildOutcome | null = null;
  try {
    if (call.name !== "build") {
      const answer = await askFrontend(cli, run, call.name);
      await progress.finish(true);
      const { text, code } = callText(call, answer);
      cli.out(text);
      return code;
    }
    outcome = await runBuild(cli, run);
  } catch (error) {
    await progress.finish(false);
    return await failed({ cli, flags, settings, progress, interrupt }, error);
  }
  await progress.finish(true);
  await deliver(cli, flags, outcome);
  return 0;
}

async function failed({ cli, flags, interrupt }: Work, error: unknown): Promise<number> {
  if (interrupt.code !== 0) {
    cli.err("ERROR: failed to build: canceled\n");
    return interrupt.code;
  }
  if (error instanceof ExitError) throw new ExitError(error.code, `ERROR: failed to build: ${error.message}`);
  if (!(error instanceof BuildFailure)) throw error;
  cli.err(`${error.message}\n`);
  if (flags.debug && error.failedStep) {
    const { openFailedStep } = await import("../../build/debug.ts");
    await openFailedStep(cli, error.failedStep);
  }
  return 1;
}

/** Pushes what this client has to push, then tells and files what was built. */
async function deliver(cli: Cli, flags: BuildFlags, { response, ref, pushNames }: BuildOutcome): Promise<void> {
  if (pushNames.length > 0) {
    const { pushImages } = await import("../../build/push.ts");
    await pushImages(cli, pushNames);
  }
  const id = imageId(response);
  if (flags.quiet && id !== "") cli.out(`${id}\n`);
  if (flags.iidfile !== "") await writeResult(flags.iidfile, id, "image ID file");
  if (flags["metadata-file"] !== "") {
    const text = JSON.stringify(metadataOf(response, ref), null, 2);
    await writeResult(flags["metadata-file"], text, "metadata file");
  }
}

/** There is one builder, whatever it is called by. */
export function checkBuilder(name: string): void {
  const wanted = name || process.env.BUILDX_BUILDER || "default";
  if (wanted !== "default") throw new ExitError(1, `ERROR: no builder ${JSON.stringify(wanted)} found`);
}

/** DOCKER_BUILDKIT decides where it is set; else what the daemon says of itself. */
async function speaksBuildkit(cli: Cli): Promise<boolean> {
  const wanted = process.env.DOCKER_BUILDKIT;
  if (wanted !== undefined && /^(0|f|false)$/i.test(wanted)) return false;
  try {
    const { builderVersion } = await (await cli.client()).ping();
    if (builderVersion === "2") return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
  if (wanted) throw new ExitError(1, "ERROR: BuildKit is wanted (DOCKER_BUILDKIT), and this daemon does not offer it");
  return false;
}
