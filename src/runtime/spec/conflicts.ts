/** Wishes of a create request that contradict each other, or that this engine does not know yet: refused by name. */
import { isIP } from "node:net";
import type { ContainerCreateRequest } from "../../api/containers.ts";
import { invalidArgument } from "../../lib/errors.ts";

const macAddress = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i;

/** Throws `invalidArgument`; looks at the request as it came, before images and defaults add to it. */
export function checkConflicts(request: ContainerCreateRequest): void {
  checkUnbuilt(request);
  checkModes(request);
  const { ExtraHosts, PortBindings } = request.HostConfig;
  for (const entry of ExtraHosts ?? []) checkExtraHost(entry);
  for (const { HostPort } of Object.values(PortBindings).flatMap((bindings) => bindings ?? [])) checkHostPort(HostPort);
  checkMacAddresses(request);
}

/** What other engines do and this one does not yet must never look as if it had been done. */
function checkUnbuilt({ HostConfig }: ContainerCreateRequest): void {
  const { Isolation, StorageOpt } = HostConfig;
  if (Isolation && Isolation !== "default") {
    throw invalidArgument(`invalid isolation (${Isolation}): linux only supports 'default'`);
  }
  const unknown = Object.keys(StorageOpt ?? {}).find((key) => key !== "size");
  if (unknown !== undefined) throw invalidArgument(`Unknown option ${unknown}`);
}

function checkModes(request: ContainerCreateRequest): void {
  const { NetworkMode, UTSMode, Dns, ExtraHosts, Links, PortBindings, PublishAllPorts } = request.HostConfig;
  const conflict = (what: string) => invalidArgument(`conflicting options: ${what}`);
  if (UTSMode === "host" && request.Hostname) throw conflict("hostname and the UTS mode");
  const linked = (kind: string) =>
    conflict(`${kind} can't be used with links. This would result in undefined behavior`);
  if (NetworkMode === "host" && Links?.length) throw linked("host type networking");
  if (!NetworkMode.startsWith("container:")) return;
  if (NetworkMode === "container:") {
    throw invalidArgument("invalid network mode: invalid container format container:<name|id>");
  }
  if (request.Hostname) throw conflict("hostname and the network mode");
  if (Links?.length) throw linked("container type network");
  if (Dns?.length) throw conflict("dns and the network mode");
  if (ExtraHosts?.length) throw conflict("custom host-to-IP mapping and the network mode");
  if (request.MacAddress) throw conflict("mac-address and the network mode");
  if (PublishAllPorts || Object.keys(PortBindings).length > 0) {
    throw conflict("port publishing and the container type network mode");
  }
  if (Object.keys(request.ExposedPorts ?? {}).length > 0) {
    throw conflict("port exposing and the container type network mode");
  }
}

/** `NAME:ADDRESS` or `NAME:host-gateway`; the address may stand in brackets. */
function checkExtraHost(entry: string): void {
  const at = entry.indexOf(":");
  if (at < 1 || /[\s\0]/.test(entry)) throw invalidArgument(`bad format for add-host: ${JSON.stringify(entry)}`);
  const address = entry.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (address !== "host-gateway" && isIP(address) === 0) {
    throw invalidArgument(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
}

/** A port, a range of ports, or nothing. */
function checkHostPort(text: string): void {
  if (text === "") return;
  const ports = text.split("-");
  const inRange = ports.every((port) => /^[0-9]+$/.test(port) && Number(port) <= 65_535);
  if (ports.length > 2 || !inRange) throw invalidArgument(`invalid port specification: ${JSON.stringify(text)}`);
}

function checkMacAddresses(request: ContainerCreateRequest): void {
  const { NetworkMode } = request.HostConfig;
  const own = NetworkMode === "" || NetworkMode === "default" ? "bridge" : NetworkMode;
  const asked: [network: string, address: string][] = [[own, request.MacAddress ?? ""]];
  for (const [name, endpoint] of Object.entries(request.NetworkingConfig.EndpointsConfig)) {
    asked.push([name, endpoint?.MacAddress ?? ""]);
  }
  for (const [network, address] of asked) {
    if (address !== "" && !macAddress.test(address)) {
      throw invalidArgument(`invalid config for network ${network}: invalid MAC address ${address}`);
    }
  }
}
