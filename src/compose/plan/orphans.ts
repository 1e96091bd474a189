/** Containers of the project whose service is no longer in the file, and what `run` has left. */
import type { Project } from "../model/project.ts";
import type { Observed, ObservedContainer } from "../observe.ts";
import type { UpContext } from "./up.ts";

export function orphansOf(project: Project, { containers }: Pick<Observed, "containers">): ObservedContainer[] {
  return containers.filter(({ service, oneoff, state }) =>
    oneoff
      ? state === "exited" || state === "dead"
      : !Object.hasOwn(project.services, service) && !Object.hasOwn(project.disabledServices, service),
  );
}

type OrphanContext = Pick<UpContext, "plan" | "project" | "observed" | "options" | "stop">;

export function planOrphans({ plan, project, observed, options, stop }: OrphanContext): void {
  const orphans = orphansOf(project, observed);
  if (orphans.length === 0) return;
  if (!options.removeOrphans) {
    if (!options.ignoreOrphans) plan.warnings.push(orphanWarning(orphans));
    return;
  }
  for (const container of orphans) {
    const stopped = stop(container, "orphan");
    plan.add(`remove ${container.name}`, { kind: "removeContainer", container, volumes: false }, "orphan", [stopped]);
  }
}

export function orphanWarning(orphans: readonly ObservedContainer[]): string {
  const names = orphans.map(({ name }) => name).join(" ");
  return `Found orphan containers ([${names}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`;
}
