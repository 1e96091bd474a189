/** What inspect shows of the networks of a container that has just started. */
import { randomBytes } from "node:crypto";
import type { EndpointSettings, NetworkSettings, PortMap } from "../api/networks.ts";
import { emptySettings, topLevel } from "./endpoints.ts";
import { families } from "./netd/ip.ts";
import type { SandboxState } from "./netd/protocol.ts";
import type { SandboxRequest } from "./networks.ts";
import { outwardOf, type Planned } from "./plan.ts";
import { portMapOf } from "./ports-plan.ts";
import { type NetworkRecord, segmentOf } from "./record.ts";

/** `state` is null in the host's own namespace. */
export function startedSettings(
  request: SandboxRequest,
  plan: readonly Planned[],
  state: SandboxState | null,
): NetworkSettings {
  const Networks: Record<string, EndpointSettings> = {};
  for (const { network, record } of plan) {
    Networks[network.name] = { ...record.settings, MacAddress: macOn(state, network) };
  }
  const leads = families.some((family) => outwardOf(plan, family) !== undefined);
  const sandboxId = randomBytes(32).toString("hex");
  return {
    ...emptySettings(sandboxId),
    ...topLevel(Networks),
    SandboxKey: state?.path ?? "",
    Ports: state ? shownPorts(state, leads, request.exposedPorts) : {},
    Networks,
  };
}

/** Where nothing leads out through the host, dockerd looks after no ports at all. */
export function shownPorts(state: SandboxState, leads: boolean, exposed: readonly string[]): PortMap {
  return leads && state.interfaces.some(({ link }) => link === "veth") ? portMapOf(state.ports, exposed) : {};
}

/** The MAC address that a container has on a network; empty when it has none. */
export const macOn = (state: SandboxState | null, network: NetworkRecord): string =>
  state?.interfaces.find(({ segment }) => segment === segmentOf(network))?.mac ?? "";
