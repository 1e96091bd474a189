/** What a container's /etc/hosts and /etc/resolv.conf say, from its request and the engine's configuration. */
import { hostNetworkHosts, hostsText, resolvText } from "./files.ts";
import type { NetworksConfig, Sandbox, SandboxRequest } from "./networks.ts";

export interface TextsInput {
  /** The container's own addresses. */
  readonly addresses: readonly string[];
  /** It lives in the host's network namespace. */
  readonly inHost: boolean;
  /** The host's address on the default bridge. */
  readonly gateway: string | undefined;
}

export function textsOf(
  request: SandboxRequest,
  config: NetworksConfig,
  { addresses, inHost, gateway }: TextsInput,
): Pick<Sandbox, "hosts" | "resolvConf"> {
  const hosts = {
    hostname: request.hostname,
    domainname: request.domainname,
    addresses,
    extraHosts: request.extraHosts ?? [],
    linkedHosts: request.linkedHosts ?? [],
    hostGateways: config.hostGatewayIps.length > 0 ? config.hostGatewayIps : gateway === undefined ? [] : [gateway],
  };
  const pick = (own: readonly string[] | undefined, all: readonly string[]): readonly string[] =>
    own && own.length > 0 ? own : all;
  return {
    hosts: inHost ? hostNetworkHosts(hosts) : hostsText(hosts),
    resolvConf: resolvText({
      servers: pick(request.dns, config.dns),
      search: pick(request.dnsSearch, config.dnsSearch),
      options: pick(request.dnsOptions, config.dnsOptions),
      ownNamespace: !inHost,
    }),
  };
}
