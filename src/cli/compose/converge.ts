/** What `up`, `create`, `run` and `scale` share: from a project to a plan and its execution. */
import { paths } from "../../api/paths.ts";
import type { SystemVersion } from "../../api/system.ts";
import { to } from "../../client/route-call.ts";
import type { PerformContext } from "../../compose/execute/perform.ts";
import { configHashes } from "../../compose/hashes.ts";
import { checkContainerNames } from "../../compose/loader/container-names.ts";
import type { Project } from "../../compose/model/project.ts";
import { type Observed, observe } from "../../compose/observe.ts";
import type { Plan } from "../../compose/plan/operation.ts";
import { planUp, type UpOptions } from "../../compose/plan/up.ts";
import { changedVolumes } from "../../compose/plan/volumes.ts";
import { jobsOf, scheduleKey } from "../../compose/schedule.ts";
import { ExitError } from "../command.ts";
import { withApiSocketOf } from "./api-socket.ts";
import { agreedVolumes } from "./changed-volumes.ts";
import { ensureImages, type ImageOptions } from "./images.ts";
import { bringModelsUp } from "./models.ts";
import { bringProvidersUp } from "./providers.ts";
import type { Scope } from "./scope.ts";

export interface Converged {
  /** With what providers have told of themselves. */
  readonly project: Project;
  /** What was there before. */
  readonly observed: Observed;
  readonly plan: Plan;
  /** Keys of volumes that are not as the file says. */
  readonly changedVolumes: readonly string[];
  readonly context: PerformContext;
  readonly options: UpOptions;
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
    if (!given.services[name]) throw new ExitError(1, `no such service: ${name}: not found`);
  }
  checkContainerNames(given);
  await checkJobs(scope, given);
  const provided = await bringProvidersUp(scope, given);
  // Both only read where every image is here already.
  const [ids, before] = await Promise.all([
    ensureImages(scope, provided, images),
    observe(scope.client, provided.name),
  ]);
  const modelled = await bringModelsUp(scope, provided, images.quietPull);
  const project = await withApiSocketOf(scope, modelled);
  const changed = changedVolumes(project, before, configHashes);
  const recreateVolumes = await agreedVolumes(scope, project, changed, volumes);
  const plan = planUp(project, before, ids, configHashes, { ...options, recreateVolumes });
  const context = { ...scope.performContext(project, before, ids), ...extra };
  await scope.run(plan, context);
  return { project, observed: before, plan, changedVolumes: changed, context, options };
}

/** What another `up` would find and do now. */
export async function plannedAgain(scope: Scope, done: Converged): Promise<Converged> {
  const { project, context, options } = done;
  const observed = await observe(scope.client, project.name);
  const plan = planUp(project, observed, context.images, configHashes, { ...options, recreateVolumes: new Set() });
  return { ...done, observed, plan, changedVolumes: changedVolumes(project, observed, configHashes) };
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
