/** Networks that are configuration only, and what those made from them take over. */
import type { NetworkCreateRequest } from "../api/networks.ts";
import { forbidden, notFound } from "../lib/errors.ts";
import type { NetworkRecord } from "./record.ts";

/** Refuses what configuration cannot hold. */
export function checkConfigOnly({ Ingress, Internal, Attachable, Scope, ConfigFrom }: NetworkCreateRequest): void {
  if (Ingress || Internal || Attachable || Scope !== "") {
    throw forbidden(
      "configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.",
    );
  }
  if (ConfigFrom?.Network) throw forbidden("a configuration network cannot depend on another configuration network");
}

/** The request with the configuration of the network that it names put in; itself when it names none. */
export function withConfiguration(
  request: NetworkCreateRequest,
  existing: readonly NetworkRecord[],
): NetworkCreateRequest {
  const from = request.ConfigFrom?.Network;
  if (!from) return request;
  const { IPAM, EnableIPv4, EnableIPv6, Labels, Options } = request;
  // Clients name the address driver and IPv4 although nobody has chosen them.
  const chosenDriver = IPAM && !["", "default"].includes(IPAM.Driver);
  const ipam = chosenDriver || (IPAM?.Config?.length ?? 0) > 0 || Object.keys(IPAM?.Options ?? {}).length > 0;
  if (ipam || EnableIPv4 === false || EnableIPv6 || Object.keys(Labels).length > 0) {
    throw forbidden(
      "user specified configurations are not supported if the network depends on a configuration network",
    );
  }
  if (Object.keys(Options).length > 0) {
    throw forbidden("network driver options are not supported if the network depends on a configuration network");
  }
  const source = existing.find(({ name, configuration }) => name === from && configuration);
  if (!source?.configuration) throw notFound(`configuration network "${from}" does not exist`);
  return {
    ...request,
    IPAM: source.ipam,
    EnableIPv4: source.configuration.ipv4,
    EnableIPv6: source.configuration.ipv6,
    Labels: source.labels,
    Options: source.options,
  };
}
