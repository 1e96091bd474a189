/** Networks as the wire shows them, and the filters of list and prune. */
import type { Network, NetworkContainer } from "../api/networks.ts";
import { invalidArgument } from "../lib/errors.ts";
import { isPredefined } from "./create-request.ts";
import type { NetworkFilters } from "./networks.ts";
import type { EndpointRecord, NetworkRecord } from "./record.ts";

export function networkView(id: string, network: NetworkRecord, members: readonly [string, EndpointRecord][]): Network {
  const Containers: Record<string, NetworkContainer> = {};
  for (const [endpointId, { containerId, containerName, settings }] of members) {
    Containers[containerId] = {
      Name: containerName,
      EndpointID: endpointId,
      MacAddress: settings.MacAddress,
      IPv4Address: settings.IPAddress === "" ? "" : `${settings.IPAddress}/${settings.IPPrefixLen}`,
      IPv6Address:
        settings.GlobalIPv6Address === "" ? "" : `${settings.GlobalIPv6Address}/${settings.GlobalIPv6PrefixLen}`,
    };
  }
  return {
    Name: network.name,
    Id: id,
    Created: network.created,
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: network.configuration?.ipv4 ?? (network.ipv4 !== null || network.device === null),
    EnableIPv6: network.configuration?.ipv6 ?? network.ipv6 !== null,
    IPAM: { ...network.ipam, Config: network.ipam.Config?.length ? network.ipam.Config : null },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? "" },
    ConfigOnly: network.configuration !== undefined,
    Containers,
    Options: network.options,
    Labels: network.labels,
  };
}

type Test = (value: string, context: { id: string; network: NetworkRecord; inUse: boolean }) => boolean;

const truth: Record<string, boolean> = { true: true, "1": true, false: false, "0": false };

const hasLabel = (network: NetworkRecord, value: string): boolean => {
  const at = value.indexOf("=");
  const name = at === -1 ? value : value.slice(0, at);
  return Object.hasOwn(network.labels, name) && (at === -1 || network.labels[name] === value.slice(at + 1));
};

const tests: Record<string, Test> = {
  id: (value, { id }) => id.startsWith(value),
  name: (value, { network }) => network.name.includes(value),
  driver: (value, { network }) => network.driver === value,
  scope: (value) => value === "local",
  type: (value, { network }) => {
    if (value !== "custom" && value !== "builtin") throw invalidArgument(`invalid filter: 'type'='${value}'`);
    return isPredefined(network.name) === (value === "builtin");
  },
  dangling: (value, { network, inUse }) => {
    const wanted = truth[value];
    if (wanted === undefined) {
      throw invalidArgument(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
    }
    return (!inUse && !isPredefined(network.name)) === wanted;
  },
  label: (value, { network }) => hasLabel(network, value),
  "label!": (value, { network }) => !hasLabel(network, value),
};

/** Filters whose values must all hold; of the others one is enough. */
const conjunctive = new Set(["label", "label!"]);

/** True when the network passes all of `filters`; `invalidArgument` for a filter that does not exist. */
export function matchesFilters(
  id: string,
  network: NetworkRecord,
  filters: NetworkFilters,
  endpoints: readonly [string, EndpointRecord][],
): boolean {
  const context = { id, network, inUse: endpoints.some(([, endpoint]) => endpoint.networkId === id) };
  return Object.entries(filters).every(([name, values]) => {
    const test = Object.hasOwn(tests, name) ? tests[name] : undefined;
    if (!test) throw invalidArgument(`invalid filter '${name}'`);
    const holds = (value: string): boolean => test(value, context);
    return conjunctive.has(name) ? values.every(holds) : values.length === 0 || values.some(holds);
  });
}
