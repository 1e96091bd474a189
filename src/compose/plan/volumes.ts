/** Volumes of a project: what has to be made, and made anew where their owner said so. */
import type { ConfigHashes } from "../hashes.ts";
import { labels } from "../labels.ts";
import type { Project } from "../model/project.ts";
import type { Observed, ObservedContainer } from "../observe.ts";
import type { PlanBuilder } from "./operation.ts";

/** The keys of the project's own volumes that are there, but not as the file has them. */
export function changedVolumes(project: Project, observed: Observed, hashes: ConfigHashes): string[] {
  return Object.entries(project.volumes)
    .filter(([, volume]) => {
      const found = observed.volumes.get(volume.name)?.Labels ?? {};
      const hash = found[labels.configHash];
      if (volume.external || found[labels.project] !== project.name || hash === undefined) return false;
      return hash !== hashes.volume(volume);
    })
    .map(([key]) => key);
}

interface VolumePlan {
  readonly project: Project;
  readonly observed: Observed;
  /** The keys of those that are made anew, and lose their data. */
  readonly recreate: ReadonlySet<string>;
  readonly stop: (container: ObservedContainer, cause: string) => string;
}

/**
 * Answers the containers that go because a volume of theirs is made anew. Throws for such a volume that something else
 * uses, before anything is touched.
 */
export function planVolumes(plan: PlanBuilder, context: VolumePlan): ReadonlySet<ObservedContainer> {
  const { project, observed, recreate } = context;
  const cleared = new Set<ObservedContainer>();
  for (const [key, volume] of Object.entries(project.volumes)) {
    const { name } = volume;
    const found = observed.volumes.get(name);
    if (volume.external) {
      if (!found) throw new Error(`external volume ${JSON.stringify(name)} not found`);
      continue;
    }
    if (!found) {
      plan.add(`volume ${name}`, { kind: "createVolume", key }, "absent");
      continue;
    }
    if (recreate.has(key)) {
      for (const container of recreateVolume(plan, context, key, name)) cleared.add(container);
      continue;
    }
    const owner = found.Labels?.[labels.project];
    const hint = "Use `external: true` to use an existing volume";
    if (owner === undefined)
      plan.warnings.push(
        `volume ${JSON.stringify(name)} already exists but was not created by Docker Compose. ${hint}`,
      );
    else if (owner !== project.name)
      plan.warnings.push(
        `volume ${JSON.stringify(name)} already exists but was created for project ${JSON.stringify(owner)} (expected ${JSON.stringify(project.name)}). ${hint}`,
      );
  }
  return cleared;
}

function recreateVolume(
  plan: PlanBuilder,
  { project, observed, stop }: VolumePlan,
  key: string,
  name: string,
): ObservedContainer[] {
  const cause = "volume has changed";
  const users = observed.containers.filter(({ mounts }) =>
    mounts.some((mount) => mount.Type === "volume" && mount.Name === name),
  );
  const other = users.find(
    (user) => (user.oneoff || !project.services[user.service]) && !plan.has(`remove ${user.name}`),
  );
  if (other) {
    throw new Error(
      `volume ${JSON.stringify(name)} cannot be recreated: container ${other.name}, which is of none of the services at hand, uses it`,
    );
  }
  const gone = users.map((container) => {
    const stopped = stop(container, cause);
    return plan.add(`remove ${container.name}`, { kind: "removeContainer", container, volumes: false }, cause, [
      stopped,
    ]);
  });
  const removed = plan.add(
    `remove volume ${name}`,
    { kind: "removeVolume", volume: name, required: true },
    cause,
    gone,
  );
  plan.add(`volume ${name}`, { kind: "createVolume", key }, cause, [removed]);
  return users;
}
