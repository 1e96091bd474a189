/** A running container's networks change: it joins one or leaves one, and its published ports follow the way out. */
import type { EndpointSettings, NetworkConnectRequest } from "../api/networks.ts";
import { conflict, forbidden, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { translate, translatePublish } from "./attach-errors.ts";
import type { NetworkBook } from "./book.ts";
import { InterfaceNames } from "./endpoint-options.ts";
import { topLevel } from "./endpoints.ts";
import type { KernelNetworks } from "./kernel.ts";
import { resolverSpec } from "./names-on.ts";
import { families } from "./netd/ip.ts";
import type { EndpointSpec, SandboxState } from "./netd/protocol.ts";
import type { ConnectedContainer, NetworkEvent, NetworksConfig } from "./networks.ts";
import { type OutwardMembers, outwardMembers, outwardRoutes } from "./outward.ts";
import { inward, planEndpoint } from "./plan.ts";
import { planPorts } from "./ports-plan.ts";
import { waysOf } from "./publishing.ts";
import { type NetworkRecord, type SandboxRecord, segmentOf } from "./record.ts";
import { macOn, shownPorts } from "./started-settings.ts";
import { noneBeside, noWayFromHost, refuseBeside } from "./stopped.ts";

export class Connections {
  constructor(
    private readonly config: NetworksConfig,
    private readonly book: NetworkBook,
    private readonly kernel: KernelNetworks,
    private readonly emit: (event: NetworkEvent) => void,
  ) {}

  /** All of it or nothing: where the ports cannot be published behind the new way out, there is no connection either. */
  async connect(
    nameOrId: string,
    container: ConnectedContainer,
    request: NetworkConnectRequest,
    op: Operation,
  ): Promise<EndpointSettings> {
    const { book } = this;
    const [networkId, network] = book.find(nameOrId);
    const { containerId, name } = container;
    this.#checkFree(networkId, network, container);
    const sandbox = this.#running(containerId);
    const wanted = request.EndpointConfig ?? undefined;
    const names = new InterfaceNames(sandbox.state?.interfaces.map((one) => one.ifname));
    const ifname = names.next(network, wanted);
    const before = outwardMembers(book, containerId);
    const planned = planEndpoint(book, container, { networkId, network, wanted, ifname });
    const { spec } = planned;
    let connected = false;
    try {
      if (!spec) throw systemError(`network ${network.name} has nothing to connect to`);
      const routes = outwardRoutes(book, containerId);
      const endpoint = {
        ...spec,
        ipv4: routes.ipv4?.segment === spec.segment ? spec.ipv4 : inward(spec.ipv4),
        ipv6: routes.ipv6?.segment === spec.segment ? spec.ipv6 : inward(spec.ipv6),
      };
      await this.kernel.ensureSegment(networkId, network);
      const joined = await op.timings.measure("netd", () => this.#join(sandbox, containerId, endpoint));
      connected = true;
      failPoint("networks.connect.connected");
      const after = outwardMembers(book, containerId);
      const state = await this.#moved(before, after, container, joined);
      failPoint("networks.connect.published");
      const settings = { ...planned.record.settings, MacAddress: macOn(state, network) };
      book.db.transaction("normal", (tx) => {
        book.putMember(tx, planned.id, { ...planned.record, settings });
        const Networks = { ...sandbox.settings.Networks, [network.name]: settings };
        book.sandboxes.put(tx, containerId, this.#shown(sandbox, state, container, Networks, after));
      });
      failPoint("networks.connect.recorded");
      this.#emitMember("connect", networkId, network, containerId);
      return settings;
    } catch (error) {
      book.withdraw([planned.id, planned.record]);
      // What no record tells of must not stay: the next try would find it in its way.
      if (connected && spec) await this.#undo(containerId, spec.segment, sandbox);
      throw translatePublish(error, name, planned.id);
    }
  }

  /** The ports go first, so that nothing has happened where they cannot be published behind what leads out from now on. */
  async disconnect(nameOrId: string, container: ConnectedContainer, op: Operation): Promise<EndpointSettings> {
    const { book } = this;
    const { containerId } = container;
    const [networkId, network] = book.find(nameOrId);
    const member = book.membersOf(containerId).find(([, endpoint]) => endpoint.networkId === networkId);
    const sandbox = book.sandboxes.get(containerId);
    if (!member || !sandbox) throw forbidden(`container ${containerId} is not connected to network ${network.name}`);
    if (network.driver === "host") throw forbidden(noWayFromHost);
    const [before, after] = [outwardMembers(book, containerId), outwardMembers(book, containerId, networkId)];
    const { state: present } = sandbox;
    if (!present) throw systemError(`container ${containerId} has no network namespace`);
    const moved = await this.#moved(before, after, container, present).catch((error: unknown) => {
      throw translatePublish(error, container.name, after.ipv4?.id ?? after.ipv6?.id ?? member[0]);
    });
    failPoint("networks.disconnect.published");
    const segment = segmentOf(network);
    const routes = outwardRoutes(book, containerId, networkId);
    const state =
      segment === null
        ? moved
        : await op.timings
            .measure("netd", () => this.kernel.netd.call("disconnect", { containerId, segment, routes }))
            .catch(async (error: unknown) => {
              await this.kernel.restorePorts(containerId, moved.ports, present.ports).catch(() => {});
              throw translate(error);
            });
    failPoint("networks.disconnect.disconnected");
    try {
      book.db.transaction("normal", (tx) => {
        book.deleteMember(tx, member);
        const { [network.name]: _gone, ...Networks } = sandbox.settings.Networks;
        book.sandboxes.put(tx, containerId, this.#shown(sandbox, state, container, Networks, after));
      });
    } catch (error) {
      // The records stand as they were: so does what is remembered of them, and the next try finds the member again.
      book.holdAddresses(member[1]);
      book.promise(...member);
      throw error;
    }
    failPoint("networks.disconnect.recorded");
    this.#emitMember("disconnect", networkId, network, containerId);
    return member[1].settings;
  }

  #checkFree(networkId: string, network: NetworkRecord, { containerId, name }: ConnectedContainer): void {
    const members = this.book.membersOf(containerId);
    if (members.some(([, member]) => member.networkId === networkId)) {
      throw forbidden(`endpoint with name ${name} already exists in network ${network.name}`);
    }
    refuseBeside(
      network,
      members.flatMap(([, member]) => this.book.networks.get(member.networkId) ?? []),
    );
    if (!network.device) throw forbidden(noneBeside);
  }

  #join(sandbox: SandboxRecord, containerId: string, endpoint: EndpointSpec): Promise<SandboxState> {
    const resolver = sandbox.names?.resolver ?? resolverSpec(this.config.dns);
    return this.kernel.netd.call("connect", { containerId, endpoint, ports: [], resolver });
  }

  /** Publishes the container's ports behind its new ways out where these are others: what may be any port is a new one. */
  async #moved(
    before: OutwardMembers,
    after: OutwardMembers,
    container: ConnectedContainer,
    state: SandboxState,
  ): Promise<SandboxState> {
    if (families.every((family) => before[family]?.id === after[family]?.id)) return state;
    const { containerId, portBindings: bindings, exposedPorts: exposed, publishAllPorts: publishAll } = container;
    const [ways, proxies] = [waysOf(after, this.config), this.config.userlandProxy];
    const add = planPorts({ bindings, exposed, publishAll, ways, proxies });
    if (add.length === 0 && state.ports.length === 0) return state;
    return this.kernel.netd.call("republish", { containerId, add, remove: state.ports });
  }

  /** As before a connection that failed. netd may be gone, and with it what is to be undone. */
  async #undo(containerId: string, segment: string, { state }: SandboxRecord): Promise<void> {
    const { netd } = this.kernel;
    const routes = outwardRoutes(this.book, containerId);
    try {
      const { ports } = await netd.call("disconnect", { containerId, segment, routes });
      await this.kernel.restorePorts(containerId, ports, state?.ports ?? []);
    } catch {
      // The daemon's next meeting with netd compares both with the records.
    }
  }

  #shown(
    sandbox: SandboxRecord,
    state: SandboxState,
    { exposedPorts }: ConnectedContainer,
    Networks: SandboxRecord["settings"]["Networks"],
    outward: OutwardMembers,
  ): SandboxRecord {
    const leads = families.some((family) => outward[family] !== null);
    const Ports = shownPorts(state, leads, exposedPorts);
    return { ...sandbox, state, settings: { ...sandbox.settings, ...topLevel(Networks), Networks, Ports } };
  }

  #running(containerId: string): SandboxRecord {
    const sandbox = this.book.sandboxes.get(containerId);
    if (!sandbox) throw conflict(`container ${containerId} is not running`);
    return sandbox;
  }

  #emitMember(action: "connect" | "disconnect", networkId: string, network: NetworkRecord, container: string): void {
    this.emit({ action, networkId, attributes: { container, name: network.name, type: network.driver } });
  }
}
