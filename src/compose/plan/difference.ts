/** Whether a container is still what its service says, and if not, why. */

import { volumeName } from "../create/mounts.ts";
import { networkName } from "../create/networking.ts";
import { labels } from "../labels.ts";
import type { Project } from "../model/project.ts";
import type { Service } from "../model/service.ts";
import type { Observed, ObservedContainer } from "../observe.ts";
import type { RecreatePolicy } from "./up.ts";

export interface Difference {
  readonly why: string;
}

export interface Expectation {
  readonly project: Project;
  readonly service: Service;
  readonly observed: Observed;
  readonly policy: RecreatePolicy;
  /** The hash that its label should have; null when that is not known before another service is made anew. */
  readonly hash: () => string | null;
  readonly imageId: string;
  /** Names of networks that are made anew. */
  readonly changing: ReadonlySet<string>;
  /** A service whose container this one shares something with, and which is made anew. */
  readonly moved: string | undefined;
}

/** Null for a container that stays. */
export function differenceOf(container: ObservedContainer, expected: Expectation): Difference | null {
  if (expected.policy === "never") return null;
  if (expected.policy === "force") return { why: "recreation was asked for" };
  if (expected.moved !== undefined) return { why: `${expected.moved} is recreated` };
  if (container.labels[labels.configHash] !== expected.hash()) return { why: "configuration has changed" };
  const image = container.labels[labels.image];
  if (expected.imageId !== "" && image !== expected.imageId) return { why: "image has changed" };
  return networkDifference(container, expected) ?? volumeDifference(container, expected);
}

function networkDifference(
  container: ObservedContainer,
  { project, service, observed, changing }: Expectation,
): Difference | null {
  // Only a running container tells the networks that it is in.
  if (container.state !== "running" || service.network_mode) return null;
  for (const key of Object.keys(service.networks ?? {})) {
    const name = networkName(project, key);
    const id = changing.has(name) ? undefined : observed.networks.get(name)?.Id;
    if (id === undefined || !container.networkIds.includes(id)) return { why: `network ${name} has changed` };
  }
  return null;
}

function volumeDifference(container: ObservedContainer, { project, service }: Expectation): Difference | null {
  for (const { type, source } of service.volumes ?? []) {
    if (type !== "volume" || !source) continue;
    const name = volumeName(project, source);
    if (!container.mounts.some((mount) => mount.Type === "volume" && mount.Name === name))
      return { why: `volume ${name} has changed` };
  }
  return null;
}
