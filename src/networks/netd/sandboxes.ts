/** What netd holds for each container: its namespace, its interfaces, its published ports. */
import { basename } from "node:path";
import { type EndpointNames, NameTable } from "./dns/names.ts";
import { Resolver, type ResolverSpec } from "./dns/resolver.ts";
import { addressesOf, type Held, markRoute, stateOf } from "./held.ts";
import { families } from "./ip.ts";
import type { LinkDrivers } from "./link-driver.ts";
import type { Namespaces } from "./namespaces.ts";
import type { Ports } from "./ports.ts";
import type {
  EndpointSpec,
  Interface,
  InterfaceCounters,
  PortSpec,
  PublishedPort,
  Routes,
  SandboxState,
} from "./protocol.ts";
import { specOf, takesPlaceOf } from "./published.ts";

export class Sandboxes {
  readonly #held = new Map<string, Held>();
  readonly #names = new NameTable();

  constructor(
    private readonly drivers: LinkDrivers,
    private readonly namespaces: Namespaces,
    private readonly ports: Ports,
  ) {}

  get size(): number {
    return this.#held.size;
  }

  list(): SandboxState[] {
    return [...this.#held.values()].map(stateOf);
  }

  /** Makes the container's network; nothing is left when a step fails. */
  async attach(
    containerId: string,
    endpoints: readonly EndpointSpec[],
    ports: readonly PortSpec[],
    resolver: ResolverSpec,
  ): Promise<SandboxState> {
    if (this.#held.has(containerId)) this.detach(containerId);
    const held: Held = {
      containerId,
      namespace: this.namespaces.take(endpoints[0]?.link === "veth"),
      interfaces: [],
      publications: [],
      resolver: null,
    };
    this.#held.set(containerId, held);
    try {
      for (const endpoint of endpoints) this.#plug(held, endpoint);
      this.namespaces.rest(held.namespace);
      await this.#resolve(held, resolver);
      await this.#publish(held, ports);
      return stateOf(held);
    } catch (error) {
      this.detach(containerId);
      throw error;
    }
  }

  /** Takes over what an earlier netd made; ports that are lost meanwhile are left out. */
  async adopt(state: SandboxState): Promise<SandboxState> {
    this.detachFromMemory(state.containerId);
    const firstVeth = state.interfaces.find(({ veth }) => veth !== null)?.veth;
    const id = firstVeth ? firstVeth.slice(2, 12) : basename(state.path);
    const held: Held = {
      containerId: state.containerId,
      namespace: this.namespaces.reopen(id, state.path, state.netns, state.interfaces.length),
      interfaces: [...state.interfaces],
      publications: [],
      resolver: null,
    };
    this.#held.set(state.containerId, held);
    for (const one of held.interfaces) this.#name(one);
    if (state.resolver) {
      await this.#resolve(held, state.resolver).catch((error) =>
        process.stderr.write(`netd: names for ${state.containerId} are lost: ${error}\n`),
      );
    }
    for (const port of state.ports) {
      try {
        await this.#publish(held, [specOf(port)]);
      } catch (error) {
        process.stderr.write(`netd: port ${port.host}:${port.hostPort} of ${state.containerId} is lost: ${error}\n`);
      }
    }
    return stateOf(held);
  }

  async connect(
    containerId: string,
    endpoint: EndpointSpec,
    ports: readonly PortSpec[],
    resolver: ResolverSpec,
  ): Promise<SandboxState> {
    const held = this.#get(containerId);
    this.#plug(held, endpoint);
    for (const family of families) {
      const gateway = endpoint[family]?.gateway ?? null;
      if (gateway !== null) markRoute(held, family, { segment: endpoint.segment, gateway });
    }
    this.namespaces.rest(held.namespace);
    try {
      await this.#resolve(held, resolver);
      await this.#publish(held, ports);
    } catch (error) {
      this.disconnect(containerId, endpoint.segment, { ipv4: null, ipv6: null });
      throw error;
    }
    return stateOf(held);
  }

  async republish(
    containerId: string,
    add: readonly PortSpec[],
    remove: readonly PublishedPort[],
  ): Promise<SandboxState> {
    const held = this.#get(containerId);
    const withdraw = (): void => {
      for (const publication of held.publications) publication.withdraw(remove);
      held.publications = held.publications.filter(({ ports }) => ports.length > 0);
    };
    // What stands is kept until the new is there, unless the new wants its place.
    if (!add.some((spec) => remove.some((port) => takesPlaceOf(spec, port)))) {
      await this.#publish(held, add);
      withdraw();
      return stateOf(held);
    }
    withdraw();
    try {
      await this.#publish(held, add);
    } catch (error) {
      await this.#publish(held, remove.map(specOf));
      throw error;
    }
    return stateOf(held);
  }

  disconnect(containerId: string, segment: string, routes: Routes): SandboxState {
    const held = this.#get(containerId);
    for (const one of held.interfaces) {
      if (one.segment !== segment) continue;
      this.#unname(one);
      this.drivers[one.link].unplug(held.namespace, one);
    }
    held.interfaces = held.interfaces.filter((one) => one.segment !== segment);
    for (const family of families) {
      const route = routes[family];
      const outward = held.interfaces.find((one) => one.segment === route?.segment);
      if (!route || !outward || outward[family]?.gateway === route.gateway) continue;
      this.namespaces.route(held.namespace, outward.ifname, route.gateway);
      markRoute(held, family, route);
    }
    this.namespaces.rest(held.namespace);
    return stateOf(held);
  }

  /** Other names on one network, from the next query on. */
  rename(containerId: string, segment: string, names: EndpointNames): SandboxState {
    const held = this.#get(containerId);
    held.interfaces = held.interfaces.map((one) => {
      if (one.segment !== segment || !one.names) return one;
      this.#unname(one);
      const renamed = { ...one, names };
      this.#name(renamed);
      return renamed;
    });
    return stateOf(held);
  }

  /** Gives everything back; does nothing for a container that is not known. */
  detach(containerId: string): void {
    const held = this.#held.get(containerId);
    if (!held) return;
    this.#held.delete(containerId);
    this.#silence(held);
    for (const publication of held.publications) publication.close();
    for (const one of held.interfaces) this.drivers[one.link].leave(held.namespace, one);
    const links = held.interfaces.flatMap(({ veth }) => veth ?? []);
    if (held.namespace.spare) links.push(held.namespace.spare.veth);
    this.namespaces.drop(held.namespace, links);
  }

  stats(containerId: string): Record<string, InterfaceCounters> {
    const held = this.#held.get(containerId);
    const found: Record<string, InterfaceCounters> = {};
    for (const one of held?.interfaces ?? []) {
      const stats = held && this.drivers[one.link].counters(held.namespace, one);
      if (stats) found[one.ifname] = stats;
    }
    return found;
  }

  /** The container's process `pid` runs in its namespace, and keeps it from now on; one that has just been detached keeps nothing. */
  leaveTo(pid: number, containerId: string): void {
    const held = this.#held.get(containerId);
    if (held) this.namespaces.leaveTo(pid, held.namespace);
  }

  /** Drops namespaces that belong to no container and not to the pool. */
  sweep(): number {
    return this.namespaces.sweep([...this.#held.values()].map(({ namespace }) => namespace.path));
  }

  private detachFromMemory(containerId: string): void {
    const held = this.#held.get(containerId);
    if (!held) return;
    this.#held.delete(containerId);
    this.#silence(held);
    for (const publication of held.publications) publication.close();
    this.namespaces.close(held.namespace);
  }

  #get(containerId: string): Held {
    const held = this.#held.get(containerId);
    if (!held) throw new Error(`netd has no sandbox of ${containerId}`);
    return held;
  }

  #plug(held: Held, endpoint: EndpointSpec): void {
    const plugged = this.drivers[endpoint.link].plug(held.namespace, endpoint);
    held.interfaces.push(plugged);
    this.#name(plugged);
  }

  /** Starts the container's name service when it is in a network that has one; it then stays as long as the sandbox. */
  async #resolve(held: Held, spec: ResolverSpec): Promise<void> {
    if (held.resolver || !held.interfaces.some(({ names }) => names !== null)) return;
    const resolver = await Resolver.start({
      namespace: held.namespace,
      spec,
      view: () => ({
        table: this.#names,
        seen: held.interfaces.flatMap(({ names }) => (names ? [names] : [])),
      }),
      forwards: () => held.interfaces.some(({ link, segment }) => !this.drivers[link].isInternal(segment)),
    });
    if (held.resolver || this.#held.get(held.containerId) !== held) resolver[Symbol.dispose]();
    else held.resolver = resolver;
  }

  #name(one: Interface): void {
    if (one.names) for (const address of addressesOf(one)) this.#names.add(one.names, address);
  }

  #unname(one: Interface): void {
    if (one.names) for (const address of addressesOf(one)) this.#names.remove(one.names, address);
  }

  #silence(held: Held): void {
    for (const one of held.interfaces) this.#unname(one);
    held.resolver?.[Symbol.dispose]();
    held.resolver = null;
  }

  async #publish(held: Held, ports: readonly PortSpec[]): Promise<void> {
    if (ports.length === 0) return;
    const publication = await this.ports.publish(ports);
    if (this.#held.get(held.containerId) !== held) {
      publication.close();
      throw new Error(`the sandbox of ${held.containerId} went away meanwhile`);
    }
    held.publications.push(publication);
  }
}
