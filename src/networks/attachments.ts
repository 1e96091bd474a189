import type {
  EndpointSettings,
  NetworkConnectRequest,
  NetworkDisconnectRequest,
  NetworkSettings,
} from "../api/networks.ts";
import { conflict, forbidden, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import { translate, translateAttach } from "./attach-errors.ts";
import type { NetworkBook } from "./book.ts";
import { InterfaceNames } from "./endpoint-options.ts";
import { addressesOf, emptySettings, topLevel } from "./endpoints.ts";
import type { KernelNetworks } from "./kernel.ts";
import { namesOn, resolverSpec } from "./names-on.ts";
import type { ResolverSpec } from "./netd/dns/resolver.ts";
import { families } from "./netd/ip.ts";
import type { SandboxState } from "./netd/protocol.ts";
import type {
  ConnectedContainer,
  InterfaceStats,
  NetworkEvent,
  NetworksConfig,
  ResolvConfs,
  Sandbox,
  SandboxRequest,
} from "./networks.ts";
import { outwardRoutes } from "./outward.ts";
import { inward, outwardOf, type Planned, planEndpoint, planEndpoints, refuseConfiguration } from "./plan.ts";
import { planPorts } from "./ports-plan.ts";
import { waysIn } from "./publishing.ts";
import { type NetworkRecord, type SandboxRecord, segmentOf } from "./record.ts";
import { macOn, startedSettings } from "./started-settings.ts";
import { shownStats } from "./stats.ts";
import { serversOf, type Texts, textsOf } from "./texts.ts";

export class Attachments {
  constructor(
    private readonly config: NetworksConfig,
    private readonly book: NetworkBook,
    private readonly kernel: KernelNetworks,
    private readonly emit: (event: NetworkEvent) => void,
    private readonly log: (message: string) => void,
  ) {}

  /**
   * One commit, after the kernel has everything: a crash before it leaves a sandbox that no record names, which the
   * next meeting with netd gives back, and one of netd leaves namespaces that its successor sweeps.
   */
  async attach(request: SandboxRequest, op: Operation): Promise<Sandbox> {
    const { networkMode: mode, containerId } = request;
    if (mode.startsWith("container:")) return this.#join(mode.slice("container:".length), request);
    await this.detach(containerId);
    let plan: Planned[] = [];
    let state: SandboxState | null = null;
    try {
      plan = planEndpoints(this.book, request);
      const inHost = plan.some(({ network }) => network.driver === "host");
      const { resolvConfs, ...texts } = this.#texts(request, plan, inHost);
      const resolver = resolverSpec(serversOf(request, this.config));
      failPoint("networks.attach.planned");
      if (!inHost) state = await op.timings.measure("netd", () => this.#attach(request, plan, resolver));
      failPoint("networks.attach.attached");
      const made = state;
      const settings = startedSettings(request, plan, made);
      this.book.db.transaction("normal", (tx) => {
        for (const { id, record, network } of plan) {
          const MacAddress = macOn(made, network);
          this.book.putMember(tx, id, { ...record, settings: { ...record.settings, MacAddress } });
        }
        const names = { resolver, resolvConfs };
        const path = made?.path ?? null;
        this.book.sandboxes.put(tx, containerId, { attached: true, path, state: made, settings, names });
      });
      failPoint("networks.attach.recorded");
      for (const { networkId, network } of plan) this.#emitMember("connect", networkId, network, containerId);
      return { netnsPath: made?.path ?? null, settings, ...texts };
    } catch (error) {
      if (state) await this.#giveBack(containerId);
      for (const { id, record } of plan) this.book.withdraw([id, record]);
      throw translateAttach(error, request.name, plan[0]?.id ?? "");
    }
  }

  async detach(containerId: string): Promise<void> {
    const { book } = this;
    const sandbox = book.sandboxes.get(containerId);
    const members = book.membersOf(containerId);
    if (!sandbox && members.length === 0) return;
    if (sandbox?.state) await this.#giveBack(containerId);
    else book.forget(containerId);
    for (const [, { networkId, networkName }] of members) {
      const network = book.networks.get(networkId);
      if (network) this.#emitMember("disconnect", networkId, { ...network, name: networkName }, containerId);
    }
  }

  async connect(
    nameOrId: string,
    container: ConnectedContainer,
    request: NetworkConnectRequest,
    op: Operation,
  ): Promise<EndpointSettings> {
    const { book } = this;
    const [networkId, network] = book.find(nameOrId);
    const { containerId, name } = container;
    const members = book.membersOf(containerId);
    refuseConfiguration(network);
    if (!network.device || members.some(([, one]) => !book.networks.get(one.networkId)?.device)) {
      throw forbidden(
        "container cannot be connected to multiple networks with one of the networks in private (none) mode",
      );
    }
    if (members.some(([, member]) => member.networkId === networkId)) {
      throw forbidden(`endpoint with name ${name} already exists in network ${network.name}`);
    }
    const sandbox = this.#running(containerId);
    const wanted = request.EndpointConfig ?? undefined;
    const names = new InterfaceNames(sandbox.state?.interfaces.map((one) => one.ifname));
    const ifname = names.next(network, wanted);
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
      const state = await op.timings.measure("netd", () =>
        this.kernel.netd.call("connect", {
          containerId,
          endpoint,
          ports: [],
          resolver: sandbox.names?.resolver ?? resolverSpec(this.config.dns),
        }),
      );
      connected = true;
      failPoint("networks.connect.connected");
      const settings = { ...planned.record.settings, MacAddress: macOn(state, network) };
      // The record as it is now: another connection may have been made while netd was asked.
      const now = this.#running(containerId);
      book.db.transaction("normal", (tx) => {
        book.putMember(tx, planned.id, { ...planned.record, settings });
        const Networks = { ...now.settings.Networks, [network.name]: settings };
        const shown = { ...now.settings, ...topLevel(Networks), Networks };
        book.sandboxes.put(tx, containerId, { ...now, state, settings: shown });
      });
      failPoint("networks.connect.recorded");
      this.#emitMember("connect", networkId, network, containerId);
      return settings;
    } catch (error) {
      book.withdraw([planned.id, planned.record]);
      // What no record tells of must not stay: the next try would find it in its way.
      if (connected && spec) {
        const routes = outwardRoutes(book, containerId);
        await this.kernel.netd.call("disconnect", { containerId, segment: spec.segment, routes }).catch(() => {});
      }
      throw translate(error);
    }
  }

  async disconnect(
    nameOrId: string,
    containerId: string,
    _request: NetworkDisconnectRequest,
    op: Operation,
  ): Promise<EndpointSettings> {
    const { book } = this;
    const [networkId, network] = book.find(nameOrId);
    const member = book.membersOf(containerId).find(([, endpoint]) => endpoint.networkId === networkId);
    if (!member || !book.sandboxes.get(containerId)) {
      throw forbidden(`container ${containerId} is not connected to network ${network.name}`);
    }
    const segment = segmentOf(network);
    if (segment === null) throw forbidden(`container cannot be disconnected from ${network.name} network`);
    const routes = outwardRoutes(book, containerId, networkId);
    const state = await op.timings.measure("netd", () =>
      this.kernel.netd.call("disconnect", { containerId, segment, routes }),
    );
    failPoint("networks.disconnect.disconnected");
    const sandbox = this.#running(containerId);
    try {
      book.db.transaction("normal", (tx) => {
        book.deleteMember(tx, member);
        const { [network.name]: _gone, ...Networks } = sandbox.settings.Networks;
        const settings = { ...sandbox.settings, ...topLevel(Networks), Networks };
        book.sandboxes.put(tx, containerId, { ...sandbox, state, settings });
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

  /** One network after the other: a death between two leaves the rest to the next rename or start. */
  async rename(containerId: string, name: string): Promise<void> {
    const { book } = this;
    for (const [id, member] of book.membersOf(containerId)) {
      const network = book.networks.get(member.networkId);
      const segment = network && segmentOf(network);
      if (!network || !segment) continue;
      const { DNSNames } = member.settings;
      const renamed = DNSNames && [...new Set([name, ...DNSNames.filter((one) => one !== member.containerName)])];
      const settings = { ...member.settings, DNSNames: renamed };
      const names = namesOn(network, settings);
      const state = names && (await this.kernel.netd.call("rename", { containerId, segment, names }));
      const sandbox = this.#running(containerId);
      book.db.transaction("normal", (tx) => {
        book.putMember(tx, id, { ...member, containerName: name, settings });
        const Networks = { ...sandbox.settings.Networks, [network.name]: settings };
        const shown = { ...sandbox.settings, Networks };
        book.sandboxes.put(tx, containerId, { ...sandbox, ...(state && { state }), settings: shown });
      });
    }
  }

  servedResolvConf(containerId: string): ResolvConfs | undefined {
    const sandbox = this.book.sandboxes.get(containerId);
    return sandbox?.state?.resolver ? sandbox.names?.resolvConfs : undefined;
  }

  settingsOf(containerId: string): NetworkSettings | undefined {
    const sandbox = this.book.sandboxes.get(containerId);
    return sandbox?.attached ? sandbox.settings : undefined;
  }

  async statsOf(containerId: string): Promise<Record<string, InterfaceStats>> {
    if (!this.book.sandboxes.get(containerId)?.state) return {};
    return shownStats((await this.kernel.netd.callIfRunning("stats", { containerId })) ?? {});
  }

  async #giveBack(containerId: string): Promise<void> {
    try {
      await this.kernel.netd.callIfRunning("detach", { containerId });
    } catch (error) {
      this.log(`network of ${containerId} is left to the next start: ${error}`);
    }
    failPoint("networks.detach.detached");
    this.book.forget(containerId);
  }

  #running(containerId: string): SandboxRecord {
    const sandbox = this.book.sandboxes.get(containerId);
    if (!sandbox) throw conflict(`container ${containerId} is not running`);
    return sandbox;
  }

  #join(target: string, request: SandboxRequest): Sandbox {
    const sandbox = this.book.sandboxes.get(target);
    if (!sandbox?.attached) throw conflict(`cannot join network namespace of a non running container: ${target}`);
    const { resolvConfs: _, ...texts } = this.#texts(request, [], sandbox.path === null);
    return { netnsPath: sandbox.path, settings: emptySettings(""), ...texts };
  }

  async #attach(request: SandboxRequest, plan: readonly Planned[], resolver: ResolverSpec): Promise<SandboxState> {
    for (const { networkId, network } of plan) await this.kernel.ensureSegment(networkId, network);
    const ports = planPorts({
      bindings: request.portBindings,
      exposed: request.exposedPorts,
      publishAll: request.publishAllPorts,
      ways: waysIn(plan, this.config),
    });
    const endpoints = plan.flatMap(({ spec }) => (spec ? [spec] : []));
    return this.kernel.netd.call("attach", { containerId: request.containerId, endpoints, ports, resolver });
  }

  #texts(request: SandboxRequest, plan: readonly Planned[], inHost: boolean): Texts {
    const id = this.book.networks.findUnique("name", "bridge");
    const bridge = id === undefined ? undefined : this.book.networks.get(id);
    const gateways = families.flatMap((family) => bridge?.[family]?.gateway ?? []);
    const addresses = plan.flatMap(({ record }) => addressesOf(record.settings));
    const nameService = plan.some(({ spec }) => spec?.names != null);
    const hostAddresses = families.flatMap((family) => {
      const outward = outwardOf(plan, family)?.network;
      const device = outward?.device;
      const isHost = device?.kind === "bridge" && !(family === "ipv4" && device.inhibitIpv4);
      return (isHost && outward?.[family]?.gateway) || [];
    });
    return textsOf(request, this.config, { addresses, inHost, gateways, hostAddresses, nameService });
  }

  #emitMember(action: "connect" | "disconnect", networkId: string, network: NetworkRecord, container: string): void {
    this.emit({ action, networkId, attributes: { container, name: network.name, type: network.driver } });
  }
}
