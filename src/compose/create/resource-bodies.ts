/** Networks and volumes as the bodies that make them. */
import type { NetworkCreateRequest } from "../../api/networks.ts";
import { composeVersion, labels, ownLabels } from "../labels.ts";
import type { Project } from "../model/project.ts";

function resourceLabels(project: Project, given: Readonly<Record<string, string>> | undefined, hash: string) {
  return {
    ...ownLabels(given),
    [labels.project]: project.name,
    [labels.version]: composeVersion,
    [labels.configHash]: hash,
  };
}

export function networkBody(project: Project, key: string, hash: string): Partial<NetworkCreateRequest> {
  const network = project.networks[key];
  if (!network) throw new Error(`undefined network ${JSON.stringify(key)}`);
  const { ipam, driver, driver_opts, internal, attachable, enable_ipv4, enable_ipv6 } = network;
  const pools = ipam?.config?.map(({ subnet, ip_range, gateway, aux_addresses }) => ({
    ...(subnet && { Subnet: subnet }),
    ...(ip_range && { IPRange: ip_range }),
    ...(gateway && { Gateway: gateway }),
    ...(aux_addresses && { AuxiliaryAddresses: { ...aux_addresses } }),
  }));
  return {
    Name: network.name,
    Driver: driver ?? "",
    Options: { ...driver_opts },
    Labels: { ...resourceLabels(project, network.labels, hash), [labels.network]: key },
    ...(internal && { Internal: true }),
    ...(attachable && { Attachable: true }),
    ...(enable_ipv4 !== undefined && { EnableIPv4: enable_ipv4 }),
    ...(enable_ipv6 !== undefined && { EnableIPv6: enable_ipv6 }),
    ...((pools?.length || ipam?.driver) && {
      IPAM: { Driver: ipam?.driver ?? "", Options: null, Config: pools ?? null },
    }),
  };
}

export function volumeBody(project: Project, key: string, hash: string): Record<string, unknown> {
  const volume = project.volumes[key];
  if (!volume) throw new Error(`undefined volume ${JSON.stringify(key)}`);
  return {
    Name: volume.name,
    Driver: volume.driver ?? "",
    DriverOpts: { ...volume.driver_opts },
    Labels: { ...resourceLabels(project, volume.labels, hash), [labels.volume]: key },
  };
}
