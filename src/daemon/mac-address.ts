import type { ContainerCreateRequest } from "../api/containers.ts";
import { type EndpointSettings, emptyEndpoint } from "../api/networks.ts";
import { invalidArgument } from "../lib/errors.ts";
import { compareVersions } from "../lib/version-order.ts";

const deprecated =
  "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.";

/**
 * A hardware address given for the whole container belongs to one of its networks since API 1.44, and is moved there. Before,
 * there was no other place for it, and one given with a network meant nothing.
 */
export function placeMacAddress(
  body: ContainerCreateRequest,
  version: string,
): { readonly body: ContainerCreateRequest; readonly warnings: readonly string[] } {
  const { MacAddress = "", ...rest } = body;
  if (compareVersions(version, "1.44") < 0) return { body: placedAsOnce(rest, MacAddress), warnings: [] };
  if (MacAddress === "") return { body, warnings: [] };
  const network = networkOf(rest);
  return { body: network === null ? rest : placedIn(rest, network, MacAddress), warnings: [deprecated] };
}

/** The network that the container's mode names; null where it has none to itself. */
function networkOf({ HostConfig: { NetworkMode } }: ContainerCreateRequest): string | null {
  if (NetworkMode === "host" || NetworkMode === "none" || NetworkMode.startsWith("container:")) return null;
  return plain(NetworkMode);
}

const plain = (name: string): string => (name === "" || name === "default" ? "bridge" : name);

function placedAsOnce(body: ContainerCreateRequest, MacAddress: string): ContainerCreateRequest {
  const given = Object.entries(body.NetworkingConfig.EndpointsConfig);
  if (MacAddress === "")
    return withEndpoints(
      body,
      given.map(([name, one]) => [name, { ...one, MacAddress }]),
    );
  const network = networkOf(body);
  if (network === null) throw invalidArgument("conflicting options: mac-address and the network mode");
  const [name, endpoint] = given[0] ?? [network, emptyEndpoint()];
  const moved = withEndpoints(body, [[name, { ...endpoint, MacAddress }]]);
  return { ...moved, HostConfig: { ...moved.HostConfig, NetworkMode: name } };
}

function placedIn(body: ContainerCreateRequest, network: string, MacAddress: string): ContainerCreateRequest {
  const given = Object.entries(body.NetworkingConfig.EndpointsConfig);
  if (given.length === 0) return withEndpoints(body, [[network, { ...emptyEndpoint(), MacAddress }]]);
  const endpoint = given.find(([name]) => plain(name) === network)?.[1];
  if (!endpoint) {
    throw invalidArgument(
      "unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks",
    );
  }
  if (endpoint.MacAddress !== "" && endpoint.MacAddress !== MacAddress) {
    throw invalidArgument(
      "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
    );
  }
  return withEndpoints(
    body,
    given.map(([name, one]) => [name, one === endpoint ? { ...one, MacAddress } : one]),
  );
}

function withEndpoints(body: ContainerCreateRequest, pairs: [string, EndpointSettings][]): ContainerCreateRequest {
  return { ...body, NetworkingConfig: { EndpointsConfig: Object.fromEntries(pairs) } };
}
