/** What a container's /etc/hosts and /etc/resolv.conf say, from its request and the engine's configuration. */
import { hostNetworkHosts, hostResolv, hostsText, resolvText } from "./files.ts";
import type { NetworksConfig, ResolvConfs, Sandbox, SandboxRequest } from "./networks.ts";

export interface TextsInput {
  /** The container's own addresses. */
  readonly addresses: readonly string[];
  /** It lives in the host's network namespace. */
  readonly inHost: boolean;
  /** The host's addresses on the default bridge. */
  readonly gateways: readonly string[];
  /** Where it reaches the host; none on internal networks alone. */
  readonly hostAddresses: readonly string[];
  /** It is in a network with name service. */
  readonly nameService: boolean;
}

/** A container's texts; `resolvConfs` are the ones of resolv.conf without and with name service. */
export type Texts = Pick<Sandbox, "hosts" | "resolvConf"> & { readonly resolvConfs: ResolvConfs };

export function textsOf(
  request: SandboxRequest,
  config: NetworksConfig,
  { addresses, inHost, gateways, hostAddresses, nameService }: TextsInput,
): Texts {
  const hosts = {
    hostname: request.hostname,
    domainname: request.domainname,
    addresses,
    extraHosts: request.extraHosts ?? [],
    linkedHosts: request.linkedHosts ?? [],
    hostGateways: pick(config.hostGatewayIps, gateways),
    hostAddresses: hostNamed(hostAddresses, config),
  };
  const resolv = {
    servers: serversOf(request, config),
    search: pick(request.dnsSearch, config.dnsSearch),
    options: pick(request.dnsOptions, config.dnsOptions),
    ownNamespace: !inHost,
  };
  // Read once: every start comes through here.
  const host = hostResolv();
  const plain = resolvText({ ...resolv, nameService: false }, host);
  const served = resolvText({ ...resolv, nameService: true }, host);
  return {
    hosts: inHost ? hostNetworkHosts(hosts) : hostsText(hosts),
    resolvConf: nameService ? served : plain,
    resolvConfs: { plain, served },
  };
}

/** Behind the host's names: where it is reached, or what the configuration puts in the place of that. */
export const hostNamed = (addresses: readonly string[], config: Pick<NetworksConfig, "hostGatewayIps">) =>
  addresses.length > 0 ? pick(config.hostGatewayIps, addresses) : [];

/** The servers that were asked for, of the container or else of all; none stands for the host's. */
export const serversOf = (request: Pick<SandboxRequest, "dns">, config: NetworksConfig): readonly string[] =>
  pick(request.dns, config.dns);

const pick = (own: readonly string[] | undefined, all: readonly string[]): readonly string[] =>
  own && own.length > 0 ? own : all;
