/** Port bindings of a container after `--publish-add` and `--publish-rm`. */
import type { ContainerUpdateRequest, PortBinding, PortMap } from "../api/host-config.ts";
import { conflict, invalidArgument, notFound, systemError } from "../lib/errors.ts";
import { parsePort } from "../networks/ports-plan.ts";
import type { ContainerRecord } from "./record.ts";

/** What a request changes, spelt one way. */
export interface PortChange {
  readonly add: PortMap;
  readonly remove: PortMap;
}

/** Null when the request changes no published port. A port without bindings is one of the engine's choice, or stands for any. */
export function portChange({ PublishAdd, PublishRemove }: ContainerUpdateRequest): PortChange | null {
  const [add, remove] = [PublishAdd, PublishRemove].map((ports) => spell(ports ?? {}, [anyBinding]));
  if (!add || !remove || Object.keys({ ...add, ...remove }).length === 0) return null;
  return { add, remove };
}

const anyBinding: PortBinding = { HostIp: "", HostPort: "" };

/** One key for each port, `80/tcp`, and numbers without zeros in front: what is compared with others. */
function spell(ports: PortMap, otherwise: readonly PortBinding[]): PortMap {
  const spelt = new Map<string, PortBinding[]>();
  for (const [key, bindings] of Object.entries(ports)) {
    const { port, protocol } = parsePort(key);
    const name = `${port}/${protocol}`;
    const all = (bindings?.length ? bindings : otherwise).map(({ HostIp, HostPort }) => ({
      HostIp: HostIp ?? "",
      HostPort: (HostPort ?? "").replace(/(^|-)0+(?=\d)/g, "$1"),
    }));
    spelt.set(name, [...(spelt.get(name) ?? []), ...all]);
  }
  return Object.fromEntries(spelt);
}

/** `published` is what a running container has now; a binding that named no host port is found through it. */
export function changedBindings(
  { name, hostConfig }: ContainerRecord,
  { add, remove }: PortChange,
  published: PortMap,
): PortMap {
  const { NetworkMode } = hostConfig;
  if (NetworkMode.startsWith("container:")) {
    throw invalidArgument("conflicting options: port publishing and the container type network mode");
  }
  if (NetworkMode === "host" || NetworkMode === "none") {
    throw conflict(`ports of container ${name} cannot be published in network mode ${NetworkMode}`);
  }
  const next = spell(hostConfig.PortBindings, []);
  for (const [key, chosen] of Object.entries(remove)) {
    for (const one of chosen ?? []) {
      const present = next[key] ?? [];
      const rest = without(present, one, published[key] ?? []);
      if (rest.length === present.length) throw notFound(`no public port '${key}' published for ${name}`);
      next[key] = rest;
    }
    if (next[key]?.length === 0) delete next[key];
  }
  for (const [key, bindings] of Object.entries(add)) {
    for (const one of bindings ?? []) {
      if (one.HostPort && (next[key] ?? []).some((other) => isSame(one, other))) {
        throw systemError(`Bind for ${one.HostIp || "0.0.0.0"}:${one.HostPort} failed: port is already allocated`);
      }
      next[key] = [...(next[key] ?? []), one];
    }
  }
  return next;
}

const isSame = (a: PortBinding, b: PortBinding): boolean => a.HostIp === b.HostIp && a.HostPort === b.HostPort;

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
  const candidates = present.filter(sameAddress);
  const free =
    candidates.find(({ HostPort }) => isWithin(HostPort, chosen.HostPort)) ??
    candidates.find(({ HostPort }) => HostPort === "");
  return present.filter((one) => one !== free);
}

/** True for a range that the port may have been taken from. */
function isWithin(range = "", port = ""): boolean {
  const [first, last] = range.split("-").map(Number);
  return first !== undefined && last !== undefined && first <= Number(port) && Number(port) <= last;
}
