/** A service's ports as the API has them: which are exposed, and where the host answers. */
import type { PortMap } from "../../api/host-config.ts";
import type { Service } from "../model/service.ts";

type Set = Record<string, Record<string, never>>;

export function exposedPorts({ ports = [], expose = [] }: Service): Set {
  const exposed: Set = {};
  for (const text of expose) {
    const [range = "", protocol = "tcp"] = String(text).split("/");
    const [from = "", to = from] = range.split("-");
    for (let port = Number(from); port <= Number(to); port++) exposed[`${port}/${protocol}`] = {};
  }
  for (const { target, protocol } of ports) exposed[`${target}/${protocol || "tcp"}`] = {};
  return exposed;
}

export function portBindings({ ports = [] }: Service): PortMap {
  const bindings: PortMap = {};
  for (const { target, protocol, published, host_ip } of ports) {
    const key = `${target}/${protocol || "tcp"}`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp: host_ip ?? "", HostPort: String(published ?? "") }];
  }
  return bindings;
}
