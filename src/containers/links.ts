/**
 * `--link`: on the default bridge a container knows others by an alias, in its /etc/hosts and its environment; on a
 * network of the user's own the alias is a name in that network, whether or not its bearer is there yet.
 */
import { posix } from "node:path";
import type { HostConfig } from "../api/host-config.ts";
import { invalidArgument, systemError } from "../lib/errors.ts";
import type { LinkedHost } from "../networks/networks.ts";
import type { Container } from "./container.ts";
import { type Context, save } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";
import { linkVariables } from "./link-variables.ts";
import type { ContainerRecord, LinkRecord } from "./record.ts";

/** `NAME[:ALIAS]`, or what inspect shows of a link, `/NAME:/PARENT/ALIAS`. */
export function parseLink(text: string): { name: string; alias: string } {
  if (text === "") throw invalidArgument("empty string specified for links");
  const [name = "", second, ...more] = text.split(":");
  if (more.length > 0) throw invalidArgument(`bad format for links: ${text}`);
  const alias = second === undefined ? name : name.startsWith("/") ? posix.basename(second) : second;
  if (name === "" || !/^[^\s#/\p{Cc}]+$/u.test(alias)) throw invalidArgument(`bad format for links: ${text}`);
  return { name: name.replace(/^\//, ""), alias };
}

const predefined: ReadonlySet<string> = new Set(["bridge", "default", "", "host", "none"]);
const isUserDefined = (mode: string): boolean => !predefined.has(mode) && !mode.startsWith("container:");

/** The links of a container to be; a later alias of the same name wins. */
export function resolveLinks(ctx: Context, { Links, NetworkMode }: HostConfig): LinkRecord[] {
  if (isUserDefined(NetworkMode)) return [];
  const links = new Map<string, LinkRecord>();
  for (const text of Links ?? []) {
    const { name, alias } = parseLink(text);
    const { id, record } = linkable(ctx, name);
    links.set(alias, { id, name: record.name, alias });
  }
  return [...links.values()];
}

/** The container by that name, or the one whose network it lives in. */
function linkable(ctx: Context, ref: string): Container {
  const found = ctx.index.find(ref);
  if (!found) throw invalidArgument(`could not get container for ${ref}: No such container: ${ref}`);
  const { NetworkMode } = found.record.hostConfig;
  if (NetworkMode === "host") {
    throw invalidArgument(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  }
  return NetworkMode.startsWith("container:") ? linkable(ctx, NetworkMode.slice("container:".length)) : found;
}

/** The containers that this one links to, as far as they exist. */
export function linkedContainers(ctx: Context, { record }: Container): Container[] {
  return (record.links ?? []).flatMap(({ id }) => ctx.index.all().find((each) => each.id === id) ?? []);
}

/** What inspect shows under HostConfig.Links; null where there are none. */
export function linksView(ctx: Context, { name, links, hostConfig }: ContainerRecord): string[] | null {
  if (!links?.length) return hostConfig.Links;
  return links.map((link) => `/${nameOf(ctx, link)}:/${name}/${link.alias}`);
}

const nameOf = (ctx: Context, { id, name }: LinkRecord): string => {
  const child = ctx.index.find(id);
  return child?.id === id ? child.name : name;
};

/** Names that other containers have given to this one, `/PARENT/ALIAS`. */
export function linkNames(ctx: Context, { id }: Container): string[] {
  return ctx.index
    .linking()
    .flatMap(({ record }) =>
      (record.links ?? []).filter((link) => link.id === id).map(({ alias }) => `/${record.name}/${alias}`),
    );
}

/** Takes away the link `PARENT/ALIAS`; a running parent keeps the line and the variables that it has. */
export async function removeLink(ctx: Context, ref: string): Promise<void> {
  const [parentName = "", alias] = ref.replace(/^\//, "").split("/");
  ctx.index.get(ref);
  const parent = ctx.index.get(parentName);
  if (alias === undefined) throw systemError("Conflict, cannot remove the default link name of the container");
  await parent.lock.run(async () => {
    const { links = [] } = parent.record;
    save(ctx, parent, "full", { links: links.filter((link) => link.alias !== alias) });
  });
}

interface LiveLink {
  readonly alias: string;
  readonly child: Container;
  readonly address: string;
}

/** A link of a container that is about to start; throws where what it links to is not there. */
function liveLink(ctx: Context, { record }: Container, link: LinkRecord): LiveLink {
  const child = runningChild(ctx, link);
  if (!child) {
    throw systemError(`Cannot link to a non running container: /${nameOf(ctx, link)} AS /${record.name}/${link.alias}`);
  }
  const address = addressIn(ctx, child, "bridge");
  if (!address) throw systemError(`container ${child.id} not attached to default bridge network`);
  return { alias: link.alias, child, address };
}

function runningChild(ctx: Context, { id }: LinkRecord): Container | undefined {
  const child = ctx.index.find(id);
  return child?.id === id && hasProcess(child.status) ? child : undefined;
}

const namesOf = (alias: string, { record }: Container): string[] => [
  ...new Set([alias, record.config.Hostname, record.name].filter((name) => name !== "")),
];

/** The lines of /etc/hosts for what the container links to. */
export function linkedHosts(ctx: Context, container: Container): LinkedHost[] {
  const own = (container.record.links ?? []).map((link) => {
    const { alias, child, address } = liveLink(ctx, container, link);
    return { address, names: namesOf(alias, child) };
  });
  const named = Object.entries(container.record.endpoints).flatMap(([network, { Links }]) =>
    (Links ?? []).flatMap((text): LinkedHost[] => {
      const { name, alias } = parseLink(text);
      const address = addressIn(ctx, ctx.index.find(name), network);
      return address ? [{ address, names: [alias] }] : [];
    }),
  );
  return [...own, ...named];
}

function addressIn(ctx: Context, container: Container | undefined, network: string): string | undefined {
  if (!container || !hasProcess(container.status)) return undefined;
  const networks = ctx.networks.settingsOf(container.id)?.Networks ?? {};
  const found = networks[network] ?? Object.values(networks).find(({ NetworkID }) => NetworkID === network);
  return found?.IPAddress || found?.GlobalIPv6Address || undefined;
}

/** The variables for what a starting container links to; what it says itself wins over them. */
export function linkEnvironment(ctx: Context, container: Container): string[] {
  return (container.record.links ?? []).flatMap((link) => variablesOf(container, liveLink(ctx, container, link)));
}

/** As {@link linkEnvironment} for a process in a container that runs: what has gone since its start is left out. */
export function linkEnvironmentNow(ctx: Context, container: Container): string[] {
  return (container.record.links ?? []).flatMap((link) => {
    const child = runningChild(ctx, link);
    const address = addressIn(ctx, child, "bridge");
    return child && address ? variablesOf(container, { alias: link.alias, child, address }) : [];
  });
}

function variablesOf(container: Container, { alias, child, address }: LiveLink): string[] {
  const { Env, ExposedPorts } = child.record.config;
  const name = `/${container.name}/${alias}`;
  return linkVariables({ name, address, env: Env ?? [], ports: Object.keys(ExposedPorts ?? {}) });
}

/** What was found of records, which are never changed but replaced: of a thousand containers hardly one links. */
const linking = new WeakMap<ContainerRecord, boolean>();

/** True when a container links to others, by `--link` or in a network. */
function links(record: ContainerRecord): boolean {
  const known = linking.get(record);
  if (known !== undefined) return known;
  const inNetworks = Object.values(record.endpoints).some(({ Links }) => (Links?.length ?? 0) > 0);
  const found = inNetworks || (record.links?.length ?? 0) > 0;
  linking.set(record, found);
  return found;
}

/** Running containers that link to one that has just started, with the line that each is to have. */
export function linkersOf(ctx: Context, started: Container): { container: Container; line: LinkedHost }[] {
  const refs = new Set([started.id, started.name, started.id.slice(0, 12)]);
  return ctx.index.all().flatMap((container) => {
    if (container === started || !hasProcess(container.status) || !links(container.record)) return [];
    const own = (container.record.links ?? []).filter(({ id }) => id === started.id);
    const lines = own.flatMap(({ alias }): LinkedHost[] => {
      const address = addressIn(ctx, started, "bridge");
      return address ? [{ address, names: namesOf(alias, started) }] : [];
    });
    for (const [network, { Links }] of Object.entries(container.record.endpoints)) {
      for (const { name, alias } of (Links ?? []).map(parseLink)) {
        const address = refs.has(name) ? addressIn(ctx, started, network) : undefined;
        if (address) lines.push({ address, names: [alias] });
      }
    }
    return lines.map((line) => ({ container, line }));
  });
}
