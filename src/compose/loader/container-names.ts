import { invalidArgument } from "../../lib/errors.ts";
import type { Project } from "../model/project.ts";

/** Throws `invalidArgument` when two services want one container name. */
export function checkContainerNames(project: Project): void {
  const owners = new Map<string, string>();
  for (const { name, container_name } of Object.values(project.services)) {
    if (container_name === undefined) continue;
    const owner = owners.get(container_name);
    if (owner !== undefined) {
      throw invalidArgument(
        `services.${name}: container name ${JSON.stringify(container_name)} is already in use by service ${owner}`,
      );
    }
    owners.set(container_name, name);
  }
}
