import type { ContainerInspectResponse } from "../api/containers.ts";
import { compareVersions } from "../lib/version-order.ts";

const predefined = ["bridge", "host", "none", "default"];

/**
 * Before API 1.45 the aliases in a network of the user's told what the container answers to beside its name: its short id and
 * hostname too. docker-compose 1 looks for the id there, and joins a container anew that lacks it.
 */
export function withOldAliases(container: ContainerInspectResponse, version: string): ContainerInspectResponse {
  if (compareVersions(version, "1.45") >= 0) return container;
  const own = [container.Id.slice(0, 12), container.Config.Hostname];
  const Networks = Object.fromEntries(
    Object.entries(container.NetworkSettings.Networks).map(([name, endpoint]) => [
      name,
      predefined.includes(name)
        ? endpoint
        : { ...endpoint, Aliases: [...new Set([...(endpoint.Aliases ?? []), ...own])] },
    ]),
  );
  return { ...container, NetworkSettings: { ...container.NetworkSettings, Networks } };
}
