/** Networks of a project: what has to be made, and what is there but not as the file says. */
import { networkName } from "../create/networking.ts";
import type { ConfigHashes } from "../hashes.ts";
import { labels } from "../labels.ts";
import type { Project } from "../model/project.ts";
import type { Observed, ObservedContainer } from "../observe.ts";
import type { PlanBuilder } from "./operation.ts";

/** Operations that make networks ready, by the networks' names; absent where nothing is to be done. */
export function planNetworks(
  plan: PlanBuilder,
  project: Project,
  observed: Observed,
  hashes: ConfigHashes,
  stop: (container: ObservedContainer, cause: string) => string,
): Set<string> {
  const changing = new Set<string>();
  for (const [key, network] of Object.entries(project.networks)) {
    const { name } = network;
    const found = observed.networks.get(name);
    if (network.external) {
      if (!found && !predefined.has(name))
        throw new Error(`network ${name} declared as external, but could not be found`);
      continue;
    }
    const id = `network ${name}`;
    if (!found) {
      plan.add(id, { kind: "createNetwork", key }, "absent");
      changing.add(name);
      continue;
    }
    checkNetwork(plan, project, key, found.Labels ?? {});
    const hash = found.Labels?.[labels.configHash];
    if (hash === undefined || hash === hashes.network(network)) continue;
    const cause = "network has changed";
    const gone = observed.containers
      .filter(({ networkIds }) => networkIds.includes(found.Id))
      .map((container) => {
        const stopped = stop(container, cause);
        return plan.add(
          `disconnect ${container.name} ${name}`,
          { kind: "disconnect", network: name, container },
          cause,
          [stopped],
        );
      });
    const removed = plan.add(`remove network ${name}`, { kind: "removeNetwork", network: name }, cause, gone);
    plan.add(id, { kind: "createNetwork", key }, cause, [removed]);
    changing.add(name);
  }
  return changing;
}

const predefined = new Set(["host", "bridge", "none"]);

function checkNetwork(plan: PlanBuilder, project: Project, key: string, found: Record<string, string>): void {
  const name = networkName(project, key);
  const owner = found[labels.project];
  if (owner !== project.name) {
    plan.warnings.push(
      `a network with name ${name} exists but was not created for project ${JSON.stringify(project.name)}.\nSet \`external: true\` to use an existing network`,
    );
  }
  if (found[labels.network] !== key && owner !== undefined) {
    throw new Error(
      `network ${name} was found but has incorrect label ${labels.network} set to ${JSON.stringify(found[labels.network] ?? "")} (expected: ${JSON.stringify(key)})`,
    );
  }
}
