/** Which containers of a project a command is about. */
import type { ContainerSummary } from "../../api/containers.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Observed, ObservedContainer } from "../../compose/observe.ts";
import { ExitError } from "../command.ts";

/** Throws for a name that is no service of the project. */
export function checkServices(project: Project, names: readonly string[]): void {
  for (const name of names) {
    if (!project.services[name] && !project.disabledServices[name]) throw new ExitError(1, `no such service: ${name}`);
  }
}

/** The containers of the services, those of one-off runs left out; of all of the project when none is named. */
export function containersOf(
  { containers }: Observed,
  services: readonly string[],
  project: Pick<Project, "services">,
): ObservedContainer[] {
  const chosen = services.length === 0 ? Object.keys(project.services) : services;
  return containers.filter(({ service, oneoff }) => !oneoff && chosen.includes(service));
}

/** The one container that a command works on: that of `index`, else the first. Throws in Compose's words. */
export function oneContainer(observed: Observed, service: string, index: number, running = false): ObservedContainer {
  const mine = observed.containers.filter(
    (container) => container.service === service && !container.oneoff && (!running || container.state === "running"),
  );
  const found = index > 0 ? mine.find(({ number }) => number === index) : mine[0];
  if (found) return found;
  if (index > 0) throw new ExitError(1, `service ${JSON.stringify(service)} is not running container #${index}`);
  throw new ExitError(1, `service ${JSON.stringify(service)} is not running`);
}

export const summariesOf = (containers: readonly ObservedContainer[]): ContainerSummary[] =>
  containers.map(({ summary }) => summary);
