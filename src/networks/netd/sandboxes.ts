/** What netd holds for each container: its namespace, its interfaces, its published ports. */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { dropNamespace } from "../../linux/netns.ts";
import type { Rtnetlink } from "../../linux/rtnetlink.ts";
import type { Bridges } from "./bridges.ts";
import type { Namespace, Namespaces } from "./namespaces.ts";
import type { Ports, Publication } from "./ports.ts";
import type {
  EndpointSpec,
  Interface,
  InterfaceCounters,
  PortSpec,
  PublishedPort,
  Route,
  SandboxState,
} from "./protocol.ts";
import { specOf } from "./published.ts";

interface Held {
  readonly containerId: string;
  readonly namespace: Namespace;
  interfaces: Interface[];
  publications: Publication[];
}

export class Sandboxes {
  readonly #held = new Map<string, Held>();

  constructor(
    private readonly host: Rtnetlink,
    private readonly directory: string,
    private readonly bridges: Bridges,
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
  ): Promise<SandboxState> {
    if (this.#held.has(containerId)) this.detach(containerId);
    const held: Held = {
      containerId,
      namespace: this.namespaces.take(endpoints.length > 0),
      interfaces: [],
      publications: [],
    };
    this.#held.set(containerId, held);
    try {
      for (const endpoint of endpoints) this.#plug(held, endpoint);
      this.namespaces.rest(held.namespace);
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
    if (!existsSync(state.path)) throw new Error(`namespace ${state.path} is gone`);
    const [firstVeth] = state.interfaces;
    const id = firstVeth ? firstVeth.veth.slice(2, 12) : basename(state.path);
    const held: Held = {
      containerId: state.containerId,
      namespace: this.namespaces.reopen(id, state.path, state.interfaces.length),
      interfaces: [...state.interfaces],
      publications: [],
    };
    this.#held.set(state.containerId, held);
    for (const port of state.ports) {
      try {
        await this.#publish(held, [specOf(port)]);
      } catch (error) {
        process.stderr.write(`netd: port ${port.host}:${port.hostPort} of ${state.containerId} is lost: ${error}\n`);
      }
    }
    return stateOf(held);
  }

  async connect(containerId: string, endpoint: EndpointSpec, ports: readonly PortSpec[]): Promise<SandboxState> {
    const held = this.#get(containerId);
    this.#plug(held, endpoint);
    if (endpoint.gateway !== null) markRoute(held, endpoint);
    this.namespaces.rest(held.namespace);
    try {
      await this.#publish(held, ports);
    } catch (error) {
      this.disconnect(containerId, endpoint.bridge, null);
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

  disconnect(containerId: string, bridge: string, route: Route | null): SandboxState {
    const held = this.#get(containerId);
    for (const one of held.interfaces) if (one.bridge === bridge) this.namespaces.unplug(one);
    held.interfaces = held.interfaces.filter((one) => one.bridge !== bridge);
    const outward = held.interfaces.find((one) => one.bridge === route?.bridge);
    if (route && outward) {
      this.namespaces.route(held.namespace, outward.ifname, route.gateway);
      this.namespaces.rest(held.namespace);
      markRoute(held, route);
    }
    return stateOf(held);
  }

  /** Gives everything back; does nothing for a container that is not known. */
  detach(containerId: string): void {
    const held = this.#held.get(containerId);
    if (!held) return;
    this.#held.delete(containerId);
    for (const publication of held.publications) publication.close();
    const links = held.interfaces.map((one) => one.veth);
    if (held.namespace.spare) links.push(held.namespace.spare.veth);
    this.namespaces.drop(held.namespace, links);
  }

  stats(containerId: string): Record<string, InterfaceCounters> {
    const held = this.#held.get(containerId);
    const found: Record<string, InterfaceCounters> = {};
    for (const one of held?.interfaces ?? []) {
      const link = this.host.link(one.veth);
      if (!link) continue;
      const { stats } = link;
      // What the host's end receives, the container has sent.
      found[one.ifname] = {
        rxBytes: stats.txBytes,
        rxPackets: stats.txPackets,
        rxErrors: stats.txErrors,
        rxDropped: stats.txDropped,
        txBytes: stats.rxBytes,
        txPackets: stats.rxPackets,
        txErrors: stats.rxErrors,
        txDropped: stats.rxDropped,
      };
    }
    return found;
  }

  /** Drops namespaces in our directory that belong to no container and not to the pool. */
  sweep(spare: ReadonlySet<string>): number {
    const claimed = new Set([...this.#held.values()].map((held) => basename(held.namespace.path)));
    const stray = readdirSync(this.directory).filter((name) => !claimed.has(name) && !spare.has(name));
    for (const name of stray) dropNamespace(join(this.directory, name));
    return stray.length;
  }

  private detachFromMemory(containerId: string): void {
    const held = this.#held.get(containerId);
    if (!held) return;
    this.#held.delete(containerId);
    for (const publication of held.publications) publication.close();
    this.namespaces.rest(held.namespace);
  }

  #get(containerId: string): Held {
    const held = this.#held.get(containerId);
    if (!held) throw new Error(`netd has no sandbox of ${containerId}`);
    return held;
  }

  #plug(held: Held, endpoint: EndpointSpec): void {
    held.interfaces.push(this.namespaces.plug(held.namespace, endpoint, this.bridges.get(endpoint.bridge)));
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

/** Notes which interface gives the default route: there is one at most. */
function markRoute(held: Held, { bridge, gateway }: Pick<Interface, "bridge" | "gateway">): void {
  held.interfaces = held.interfaces.map((one) => ({ ...one, gateway: one.bridge === bridge ? gateway : null }));
}

const takesPlaceOf = ({ protocol, first, last }: PortSpec, port: PublishedPort): boolean =>
  protocol === port.protocol && first <= port.hostPort && port.hostPort <= Math.max(first, last);

function stateOf(held: Held): SandboxState {
  return {
    containerId: held.containerId,
    path: held.namespace.path,
    interfaces: [...held.interfaces],
    ports: held.publications.flatMap((publication) => publication.ports),
  };
}
