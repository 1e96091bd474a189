/** Port bindings of a container after `--publish-add` and `--publish-rm`. */
import type { ContainerUpdateRequest, PortBinding, PortMap } from "../api/host-config.ts";
import { conflict, invalidArgument, notFound, systemError } from "../lib/errors.ts";
import type { ContainerRecord } from "./record.ts";

/** True when the request changes published ports. */
export const changesPorts = ({ PublishAdd, PublishRemove }: ContainerUpdateRequest): boolean =>
  Object.keys(PublishAdd ?? {}).length > 0 || Object.keys(PublishRemove ?? {}).length > 0;

/** `published` is what a running container has now; a binding that named no host port is found through it. */
export function changedBindings(
  { name, hostConfig }: ContainerRecord,
  { PublishAdd = {}, PublishRemove = {} }: ContainerUpdateRequest,
  published: PortMap,
): PortMap {
  const { NetworkMode } = hostConfig;
  if (NetworkMode.startsWith("container:")) {
    throw invalidArgument("conflicting options: port publishing and the container type network mode");
  }
  if (NetworkMode === "host" || NetworkMode === "none") {
    throw conflict(`ports of container ${name} cannot be published in network mode ${NetworkMode}`);
  }
  const next: PortMap = { ...hostConfig.PortBindings };
  for (const [key, chosen] of Object.entries(PublishRemove)) {
    for (const one of chosen?.length ? chosen : [anyBinding]) {
      const present = next[key] ?? [];
      const rest = without(present, one, published[key] ?? []);
      if (rest.length === present.length) throw notFound(`no public port '${key}' published for ${name}`);
      next[key] = rest;
    }
    if (next[key]?.length === 0) delete next[key];
  }
  for (const [key, bindings] of Object.entries(PublishAdd)) {
    for (const one of bindings?.length ? bindings : [anyBinding]) {
      if (one.HostPort && (next[key] ?? []).some((other) => isSame(one, other))) {
        throw systemError(`Bind for ${one.HostIp || "0.0.0.0"}:${one.HostPort} failed: port is already allocated`);
      }
      next[key] = [...(next[key] ?? []), one];
    }
  }
  return next;
}

const anyBinding: PortBinding = { HostIp: "", HostPort: "" };

const isSame = (a: PortBinding, b: PortBinding): boolean =>
  (a.HostIp ?? "") === (b.HostIp ?? "") && (a.HostPort ?? "") === (b.HostPort ?? "");

function without(
  present: readonly PortBinding[],
  chosen: PortBinding,
  published: readonly PortBinding[],
): PortBinding[] {
  const sameAddress = ({ HostIp }: PortBinding): boolean => !chosen.HostIp || HostIp === chosen.HostIp;
  const named = (one: PortBinding): boolean =>
    sameAddress(one) && (!chosen.HostPort || one.HostPort === chosen.HostPort);
  if (present.some(named)) return present.filter((one) => !named(one));
  if (!published.some(named)) return [...present];
  const free = present.findIndex((one) => /^$|-/.test(one.HostPort ?? "") && (!one.HostIp || sameAddress(one)));
  return present.filter((_, index) => index !== free);
}
