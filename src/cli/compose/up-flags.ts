/** What `up`, `create`, `run` and `scale` share: from a project to a plan and its execution. */
import { paths } from "../../api/paths.ts";
import type { SystemVersion } from "../../api/system.ts";
import { to } from "../../client/route-call.ts";
import type { PerformContext } from "../../compose/execute/perform.ts";
import { configHashes } from "../../compose/hashes.ts";
import type { Project } from "../../compose/model/project.ts";
import { type Observed, observe } from "../../compose/observe.ts";
import { planUp, type UpOptions } from "../../compose/plan/up.ts";
import { changedVolumes } from "../../compose/plan/volumes.ts";
import { jobsOf, scheduleKey } from "../../compose/schedule.ts";
import { flag } from "../../lib/flags.ts";
import { ExitError } from "../command.ts";
import { agreedVolumes } from "./changed-volumes.ts";
import { ensureImages, type ImageOptions } from "./images.ts";
import { bringProvidersUp } from "./providers.ts";
import { parseScale, type Scope } from "./scope.ts";

export const createFlags = {
  build: flag.bool("Build images first"),
  "force-recreate": flag.bool("Make containers anew though nothing has changed"),
  "no-build": flag.bool("Build no image, whatever its policy"),
  "no-recreate": flag.bool("Leave containers that are there as they are"),
  pull: flag.string("When to pull: always, missing, never", { initial: "policy" }),
  "quiet-pull": flag.bool("Pull without a word"),
  "remove-orphans": flag.bool("Remove containers of services that the file does not have"),
  scale: flag.list("How many containers of a service (SERVICE=NUM)", { kind: "scale" }),
  yes: flag.bool("Say yes to every question", { short: "y" }),
};

interface CreateFlagValues {
  readonly build: boolean;
  readonly "force-recreate": boolean;
  readonly "no-build": boolean;
  readonly "no-recreate": boolean;
  readonly pull: string;
  readonly "quiet-pull": boolean;
  readonly "remove-orphans": boolean;
  readonly scale: readonly string[];
}

/** Throws for flags that contradict each other. */
export function checkCreateFlags(flags: CreateFlagValues): void {
  if (flags["force-recreate"] && flags["no-recreate"])
    throw new ExitError(1, "--force-recreate and --no-recreate are incompatible");
  if (flags.build && flags["no-build"]) throw new ExitError(1, "--build and --no-build are incompatible");
  if (!["policy", "always", "missing", "never", "build", ""].includes(flags.pull))
    throw new ExitError(1, `invalid --pull option ${JSON.stringify(flags.pull)}`);
}

export function imageOptions(flags: CreateFlagValues & { readonly "quiet-build"?: boolean }): ImageOptions {
  return {
    pull: flags.pull,
    build: flags.build,
    noBuild: flags["no-build"],
    quietPull: flags["quiet-pull"],
    quietBuild: flags["quiet-build"] ?? false,
  };
}

export function upOptions(flags: CreateFlagValues, services: readonly string[], start: boolean): UpOptions {
  const recreate = flags["force-recreate"] ? "force" : flags["no-recreate"] ? "never" : "diverged";
  return {
    services,
    recreate,
    recreateDependencies: flags["no-recreate"] ? "never" : "diverged",
    renewVolumes: false,
    removeOrphans: flags["remove-orphans"],
    ignoreOrphans: /^(1|true|t)$/i.test(process.env.COMPOSE_IGNORE_ORPHANS ?? ""),
    scale: parseScale(flags.scale),
    start,
  };
}

export interface Converged {
  /** With what providers have told of themselves. */
  readonly project: Project;
  readonly observed: Observed;
  readonly context: PerformContext;
}

/** Whether volumes that have changed are made anew; `ask` asks on the terminal. */
export type VolumeConsent = "yes" | "ask" | "no";

export const volumeConsent = ({ yes }: { readonly yes: boolean }): VolumeConsent => (yes ? "yes" : "ask");

export interface ConvergeExtras extends Partial<PerformContext> {
  readonly volumes?: VolumeConsent;
}

/** Brings the project to what the file says. */
export async function converge(
  scope: Scope,
  given: Project,
  images: ImageOptions,
  options: UpOptions,
  { volumes = "no", ...extra }: ConvergeExtras = {},
): Promise<Converged> {
  for (const name of options.scale.keys()) {
    if (!given.services[name]) throw new ExitError(1, `no such service: ${name}`);
  }
  await checkJobs(scope, given);
  const project = await bringProvidersUp(scope, given);
  // Both only read where every image is here already.
  const [ids, before] = await Promise.all([ensureImages(scope, project, images), observe(scope.client, project.name)]);
  const changed = changedVolumes(project, before, configHashes);
  const recreateVolumes = await agreedVolumes(scope, project, changed, volumes);
  const plan = planUp(project, before, ids, configHashes, { ...options, recreateVolumes });
  const context = { ...scope.performContext(project, before, ids), ...extra };
  await scope.run(plan, context);
  return { project, observed: before, context };
}

/** Only dhow's engine starts jobs: another one would leave them lying. */
async function checkJobs({ client }: Scope, project: Project): Promise<void> {
  const [job] = jobsOf(project);
  if (job === undefined) return;
  const { Platform } = await client.json<SystemVersion>(to(paths.version));
  if (Platform?.Name !== "dhow") {
    throw new ExitError(1, `services.${job}.${scheduleKey} needs a dhow daemon: the one that answers runs no jobs`);
  }
}
