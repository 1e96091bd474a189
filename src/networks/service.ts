/** The networks service: records and addresses here, everything in the kernel with netd. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import type {
  EndpointSettings,
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkDisconnectRequest,
  NetworkSettings,
} from "../api/networks.ts";
import { conflict, DhowError, forbidden, invalidArgument, kindOf, notFound, systemError } from "../lib/errors.ts";
import { failPoint } from "../lib/fail-point.ts";
import type { Operation } from "../lib/operation.ts";
import type { Database, Tx } from "../state/database.ts";
import { Intents } from "../state/intents.ts";
import { RecordStore, UniqueConflict } from "../state/record-store.ts";
import { isPredefined, recordOf } from "./create-request.ts";
import { defaultNetworks, usedOnHost } from "./defaults.ts";
import { emptySettings, endpointSettings, gatewayFirst, hasGateway, topLevel } from "./endpoints.ts";
import { hostNetworkHosts, hostsText, resolvText } from "./files.ts";
import { Addresses } from "./ipam.ts";
import { matchesFilters, networkView } from "./listing.ts";
import type { EndpointSpec, SandboxState } from "./netd/protocol.ts";
import { NetdClient, NetdError } from "./netd-client.ts";
import type {
  InterfaceStats,
  NetworkEvent,
  NetworkFilters,
  Networks,
  NetworksConfig,
  Sandbox,
  SandboxRequest,
} from "./networks.ts";
import { parsePort, planPorts, portMapOf } from "./ports-plan.ts";
import {
  type EndpointRecord,
  endpointKind,
  type NetworkRecord,
  networkKind,
  type SandboxRecord,
  sandboxKind,
} from "./record.ts";

export interface NetworksOptions {
  readonly config: NetworksConfig;
  /** Names the nftables table and tells engines apart. */
  readonly instance: string;
  readonly paths: { readonly execRoot: string; readonly netdSocket: string };
  readonly db: Database;
  readonly log: (message: string) => void;
}

/** Makes the service; nothing happens in the kernel before `restore` or the first container. */
export function createNetworks(options: NetworksOptions): Networks {
  return new NetworkService(options);
}

interface Planned {
  readonly id: string;
  readonly networkId: string;
  readonly network: NetworkRecord;
  readonly record: EndpointRecord;
  readonly spec: EndpointSpec | null;
}

class NetworkService implements Networks {
  readonly #options: NetworksOptions;
  readonly #config: NetworksConfig;
  readonly #db: Database;
  readonly #networks: RecordStore<NetworkRecord>;
  readonly #endpoints: RecordStore<EndpointRecord>;
  readonly #sandboxes: RecordStore<SandboxRecord>;
  readonly #intents: Intents;
  readonly #netd: NetdClient;
  readonly #addresses = new Addresses();
  /** Endpoints by container, as in the records: reading them all for each start would cost more the more run. */
  readonly #members = new Map<string, Map<string, EndpointRecord>>();
  readonly #ready = new Set<string>();
  readonly #listeners: ((event: NetworkEvent) => void)[] = [];
  #closed = false;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#db = options.db;
    this.#networks = new RecordStore(options.db, networkKind);
    this.#endpoints = new RecordStore(options.db, endpointKind);
    this.#sandboxes = new RecordStore(options.db, sandboxKind);
    this.#intents = new Intents(options.db);
    this.#netd = new NetdClient({
      execRoot: options.paths.execRoot,
      socket: options.paths.netdSocket,
      instance: options.instance,
      firewall: options.config.firewall,
    });
    this.#netd.onConnect = (call) => this.#synchronise(call);
    this.#netd.onLost = () => this.#netdLost();
  }

  async restore(running: ReadonlySet<string>): Promise<void> {
    this.#db.transaction("normal", (tx) => {
      for (const { id, reason } of [...this.#endpoints.list().broken, ...this.#sandboxes.list().broken]) {
        this.#options.log(`dropped unreadable network state of ${id}: ${reason}`);
        this.#endpoints.delete(tx, id);
        this.#sandboxes.delete(tx, id);
      }
      for (const [id, sandbox] of this.#sandboxes.list().records) {
        if (!running.has(id) || !sandbox.attached) this.#sandboxes.delete(tx, id);
      }
      for (const [id, endpoint] of this.#endpoints.list().records) {
        if (!this.#sandboxes.get(endpoint.containerId)) {
          this.#endpoints.delete(tx, id);
          continue;
        }
        this.#addresses.hold(endpoint.networkId, endpoint.settings.IPAddress);
        this.#remember(id, endpoint);
      }
      for (const intent of this.#intents.pending("networks.")) this.#intents.finish(tx, intent.id);
      const present = this.#networks.list().records;
      for (const [id, network] of defaultNetworks(this.#config, present)) this.#networks.put(tx, id, network);
    });
    // Without containers netd starts with the first of them; one that runs is told what is still true.
    const needed = [...this.#sandboxes.list().records.values()].some((sandbox) => sandbox.state !== null);
    if (needed || (await this.#netd.running())) await this.#netd.call("hello", {});
  }

  list(filters: NetworkFilters): Network[] {
    const endpoints = [...this.#endpoints.list().records];
    return [...this.#networks.list().records]
      .filter(([id, network]) => matchesFilters(id, network, filters, endpoints))
      .map(([id, network]) => networkView(id, network, []));
  }

  inspect(nameOrId: string): Network {
    const [id, network] = this.#find(nameOrId);
    const members = [...this.#endpoints.list().records].filter(([, endpoint]) => endpoint.networkId === id);
    return networkView(id, network, members);
  }

  async create(request: NetworkCreateRequest, op: Operation): Promise<{ Id: string; Warning: string }> {
    const id = randomBytes(32).toString("hex");
    const record = recordOf(request, {
      id,
      existing: [...this.#networks.list().records.values()],
      pools: this.#config.addressPools,
      mtu: this.#config.mtu,
      used: usedOnHost([]),
    });
    const intent = this.#db.transaction("full", (tx) => {
      try {
        this.#networks.insert(tx, id, record);
      } catch (error) {
        if (!(error instanceof UniqueConflict)) throw error;
        if (error.column === "name") throw conflict(`network with name ${request.Name} already exists`);
        if (error.column === "device") throw forbidden(`bridge device ${error.value} is used by another network`);
        throw forbidden("invalid pool request: Pool overlaps with other one on this address space");
      }
      return this.#intents.begin(tx, { operation: "networks.create", subject: id, effects: ["bridge"] });
    });
    failPoint("networks.create.recorded");
    try {
      await op.timings.measure("networks.create", () => this.#ensureBridge(id, record));
    } catch (error) {
      this.#db.transaction("full", (tx) => {
        this.#networks.delete(tx, id);
        this.#intents.finish(tx, intent);
      });
      throw translate(error);
    }
    this.#db.transaction("normal", (tx) => this.#intents.finish(tx, intent));
    this.#emit({ action: "create", networkId: id, attributes: { name: record.name, type: record.driver } });
    return { Id: id, Warning: "" };
  }

  async remove(nameOrId: string, _op: Operation): Promise<void> {
    const [id, network] = this.#find(nameOrId);
    if (isPredefined(network.name)) {
      throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
    }
    const members = [...this.#endpoints.list().records].filter(([, endpoint]) => endpoint.networkId === id);
    if (members.length > 0) {
      const names = members.map(
        ([endpointId, { containerName }]) => `name:"${containerName}" id:"${endpointId.slice(0, 12)}"`,
      );
      throw forbidden(
        `error while removing network: network ${network.name} has active endpoints (${names.join(", ")})`,
      );
    }
    this.#db.transaction("full", (tx) => this.#networks.delete(tx, id));
    this.#addresses.forget(id);
    this.#ready.delete(id);
    if (network.bridge) await this.#netd.callIfRunning("removeBridge", { name: network.bridge.device });
    this.#emit({ action: "destroy", networkId: id, attributes: { name: network.name, type: network.driver } });
  }

  async prune(filters: NetworkFilters, op: Operation): Promise<{ NetworksDeleted: string[] }> {
    const deleted: string[] = [];
    const endpoints = [...this.#endpoints.list().records];
    for (const [id, network] of this.#networks.list().records) {
      if (isPredefined(network.name) || endpoints.some(([, endpoint]) => endpoint.networkId === id)) continue;
      if (!matchesFilters(id, network, filters, endpoints)) continue;
      await this.remove(id, op);
      deleted.push(network.name);
    }
    this.#emit({ action: "prune", networkId: "", attributes: { reclaimed: "0" } });
    return { NetworksDeleted: deleted };
  }

  validate({
    networkMode,
    endpoints,
    portBindings,
  }: Pick<SandboxRequest, "networkMode" | "endpoints" | "portBindings">): void {
    for (const key of Object.keys(portBindings)) parsePort(key);
    if (networkMode.startsWith("container:")) return;
    for (const [name, settings] of Object.entries(endpoints)) {
      const [, network] = this.#find(name === "default" ? "bridge" : name);
      checkStaticAddress(network, settings);
    }
  }

  async attach(request: SandboxRequest, op: Operation): Promise<Sandbox> {
    const { networkMode: mode, containerId } = request;
    if (mode.startsWith("container:")) return this.#join(mode.slice("container:".length), request);
    await this.detach(containerId);
    let plan: Planned[] = [];
    try {
      plan = this.#plan(request);
    } catch (error) {
      throw translateAttach(error, request, plan);
    }
    const sandboxId = randomBytes(32).toString("hex");
    const inHost = plan.some(({ network }) => network.driver === "host");
    const texts = this.#texts(request, plan, inHost);
    let settings: NetworkSettings = emptySettings(sandboxId);
    const intent = this.#record(containerId, plan, settings);
    failPoint("networks.attach.recorded");
    try {
      let state: SandboxState | null = null;
      if (!inHost) state = await op.timings.measure("netd", () => this.#kernelAttach(request, plan));
      failPoint("networks.attach.attached");
      settings = this.#settings(request, plan, settings, state, sandboxId);
      this.#db.transaction("normal", (tx) => {
        for (const { id, record } of plan) {
          const mac = state?.interfaces.find((one) => one.bridge === this.#deviceOf(record.networkId))?.mac ?? "";
          this.#putMember(tx, id, { ...record, settings: { ...record.settings, MacAddress: mac } });
        }
        this.#sandboxes.put(tx, containerId, { attached: true, path: state?.path ?? null, state, settings });
        this.#intents.finish(tx, intent);
      });
      for (const { networkId, network } of plan) this.#emitMember("connect", networkId, network, containerId);
      return { netnsPath: state?.path ?? null, settings, ...texts };
    } catch (error) {
      this.#forgetSandbox(containerId, intent);
      throw translateAttach(error, request, plan);
    }
  }

  async detach(containerId: string): Promise<void> {
    const sandbox = this.#sandboxOf(containerId);
    const members = this.#membersOf(containerId);
    if (!sandbox && members.length === 0) return;
    try {
      if (sandbox?.state) await this.#netd.callIfRunning("detach", { containerId });
    } catch (error) {
      this.#options.log(`network of ${containerId} is left to the next start: ${error}`);
    }
    this.#forgetSandbox(containerId);
    for (const [, { networkId, networkName }] of members) {
      const network = this.#networks.get(networkId);
      if (network) this.#emitMember("disconnect", networkId, { ...network, name: networkName }, containerId);
    }
  }

  async connect(
    nameOrId: string,
    containerId: string,
    request: NetworkConnectRequest,
    op: Operation,
  ): Promise<EndpointSettings> {
    const [networkId, network] = this.#find(nameOrId);
    const sandbox = this.#sandboxOf(containerId);
    const members = this.#membersOf(containerId);
    const name = members[0]?.[1].containerName ?? containerId.slice(0, 12);
    if (network.driver !== "bridge" || members.some(([, one]) => !this.#networks.get(one.networkId)?.bridge)) {
      throw forbidden(
        "container cannot be connected to multiple networks with one of the networks in private (none) mode",
      );
    }
    if (members.some(([, member]) => member.networkId === networkId)) {
      throw forbidden(`endpoint with name ${name} already exists in network ${network.name}`);
    }
    if (!sandbox) throw conflict(`container ${containerId} is not running`);
    const used = new Set(sandbox.state?.interfaces.map((one) => one.ifname));
    let number = 0;
    while (used.has(`eth${number}`)) number++;
    const wanted = request.EndpointConfig ?? undefined;
    const planned = this.#planOne({ containerId, name, hostname: "" }, networkId, network, wanted, `eth${number}`);
    if (!planned.spec) throw systemError(`network ${network.name} has no bridge`);
    const withoutRoute = sandbox.state?.interfaces.some((one) => one.gateway !== null);
    const endpoint = withoutRoute ? { ...planned.spec, gateway: null } : planned.spec;
    try {
      await this.#ensureBridge(networkId, network);
      const state = await op.timings.measure("netd", () =>
        this.#netd.call("connect", { containerId, endpoint, ports: [] }),
      );
      const mac = state.interfaces.find((one) => one.ifname === endpoint.ifname)?.mac ?? "";
      const settings = { ...planned.record.settings, MacAddress: mac };
      this.#db.transaction("normal", (tx) => {
        this.#putMember(tx, planned.id, { ...planned.record, settings });
        const Networks = { ...sandbox.settings.Networks, [network.name]: settings };
        this.#sandboxes.put(tx, containerId, { ...sandbox, state, settings: { ...sandbox.settings, Networks } });
      });
      this.#emitMember("connect", networkId, network, containerId);
      return settings;
    } catch (error) {
      this.#addresses.give(networkId, planned.record.settings.IPAddress);
      throw translate(error);
    }
  }

  async disconnect(
    nameOrId: string,
    containerId: string,
    _request: NetworkDisconnectRequest,
    op: Operation,
  ): Promise<void> {
    const [networkId, network] = this.#find(nameOrId);
    const sandbox = this.#sandboxOf(containerId);
    const member = this.#membersOf(containerId).find(([, endpoint]) => endpoint.networkId === networkId);
    if (!member || !sandbox) throw forbidden(`container ${containerId} is not connected to network ${network.name}`);
    if (!network.bridge) throw forbidden(`container cannot be disconnected from ${network.name} network`);
    const bridge = network.bridge.device;
    const state = await op.timings.measure("netd", () => this.#netd.call("disconnect", { containerId, bridge }));
    this.#db.transaction("normal", (tx) => {
      this.#endpoints.delete(tx, member[0]);
      this.#members.get(containerId)?.delete(member[0]);
      const { [network.name]: _gone, ...Networks } = sandbox.settings.Networks;
      const settings = { ...sandbox.settings, ...topLevel(Networks), Networks };
      this.#sandboxes.put(tx, containerId, { ...sandbox, state, settings });
    });
    this.#addresses.give(networkId, member[1].settings.IPAddress);
    this.#emitMember("disconnect", networkId, network, containerId);
  }

  settingsOf(containerId: string): NetworkSettings | undefined {
    const sandbox = this.#sandboxOf(containerId);
    return sandbox?.attached ? sandbox.settings : undefined;
  }

  async statsOf(containerId: string): Promise<Record<string, InterfaceStats>> {
    if (!this.#sandboxOf(containerId)?.state) return {};
    const counters = (await this.#netd.callIfRunning("stats", { containerId })) ?? {};
    return Object.fromEntries(
      Object.entries(counters).map(([name, c]) => [
        name,
        {
          rx_bytes: c.rxBytes,
          rx_packets: c.rxPackets,
          rx_errors: c.rxErrors,
          rx_dropped: c.rxDropped,
          tx_bytes: c.txBytes,
          tx_packets: c.txPackets,
          tx_errors: c.txErrors,
          tx_dropped: c.txDropped,
        },
      ]),
    );
  }

  onEvent(listener: (event: NetworkEvent) => void): void {
    this.#listeners.push(listener);
  }

  async shutdown(): Promise<void> {
    this.#closed = true;
    await this.#netd.shutdown();
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#netd[Symbol.asyncDispose]();
  }

  #emit(event: NetworkEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #emitMember(action: "connect" | "disconnect", networkId: string, network: NetworkRecord, container: string): void {
    this.#emit({ action, networkId, attributes: { container, name: network.name, type: network.driver } });
  }

  /** By name, full id, then unique id prefix. */
  #find(nameOrId: string): [string, NetworkRecord] {
    const byName = this.#networks.findUnique("name", nameOrId) ?? nameOrId;
    const exact = this.#networks.get(byName);
    if (exact) return [byName, exact];
    const hits = [...this.#networks.list().records].filter(([id]) => nameOrId !== "" && id.startsWith(nameOrId));
    const [hit] = hits;
    if (hits.length > 1)
      throw invalidArgument(`network ${nameOrId} is ambiguous (${hits.length} matches found based on ID prefix)`);
    if (!hit) throw notFound(`network ${nameOrId} not found`);
    return hit;
  }

  #sandboxOf(containerId: string): SandboxRecord | undefined {
    return this.#sandboxes.get(containerId);
  }

  #membersOf(containerId: string): [string, EndpointRecord][] {
    return [...(this.#members.get(containerId) ?? [])];
  }

  #putMember(tx: Tx, id: string, endpoint: EndpointRecord): void {
    this.#endpoints.put(tx, id, endpoint);
    this.#remember(id, endpoint);
  }

  #remember(id: string, endpoint: EndpointRecord): void {
    const members = this.#members.get(endpoint.containerId) ?? new Map<string, EndpointRecord>();
    this.#members.set(endpoint.containerId, members.set(id, endpoint));
  }

  #deviceOf(networkId: string): string | undefined {
    return this.#networks.get(networkId)?.bridge?.device;
  }

  #join(target: string, request: SandboxRequest): Sandbox {
    const sandbox = this.#sandboxOf(target);
    if (!sandbox?.attached) throw conflict(`cannot join network namespace of a non running container: ${target}`);
    const texts = this.#texts(request, [], sandbox.path === null);
    return { netnsPath: sandbox.path, settings: emptySettings(""), ...texts };
  }

  /** Chooses networks and addresses; addresses taken here are given back by #forgetSandbox or by the catch below. */
  #plan(request: SandboxRequest): Planned[] {
    const mode = request.networkMode === "default" ? "bridge" : request.networkMode;
    const wanted = new Map<string, [NetworkRecord, EndpointSettings | undefined]>();
    const add = (name: string, settings: EndpointSettings | undefined): void => {
      const [id, network] = this.#find(name === "default" ? "bridge" : name);
      wanted.set(id, [network, settings ?? wanted.get(id)?.[1]]);
    };
    add(mode, undefined);
    for (const [name, settings] of Object.entries(request.endpoints)) add(name, settings);
    const [primary = ""] = wanted.keys();
    const ordered = [...wanted].sort(gatewayFirst);
    const alone = ordered.find(([, [network]]) => network.driver !== "bridge");
    if (alone && ordered.length > 1) {
      throw invalidArgument(
        "container cannot be connected to multiple networks with one of the networks in private mode",
      );
    }
    const planned: Planned[] = [];
    try {
      for (const [index, [id, [network, settings]]] of ordered.entries()) {
        const asked = id === primary && request.macAddress && !settings?.MacAddress ? request.macAddress : undefined;
        planned.push(this.#planOne(request, id, network, settings, `eth${index}`, asked));
      }
    } catch (error) {
      for (const { networkId, record } of planned) this.#addresses.give(networkId, record.settings.IPAddress);
      throw error;
    }
    const first = planned.findIndex(({ network }) => hasGateway(network));
    return planned.map((one, index) =>
      one.spec && index !== first ? { ...one, spec: { ...one.spec, gateway: null } } : one,
    );
  }

  #planOne(
    container: Pick<SandboxRequest, "containerId" | "name" | "hostname">,
    networkId: string,
    network: NetworkRecord,
    wanted: EndpointSettings | undefined,
    ifname: string,
    mac?: string,
  ): Planned {
    const { containerId, name } = container;
    const id = randomBytes(32).toString("hex");
    if (wanted) checkStaticAddress(network, wanted);
    const address = network.bridge
      ? this.#addresses.take(networkId, network, wanted?.IPAMConfig?.IPv4Address || undefined)
      : "";
    const settings = endpointSettings({ id, networkId, network, wanted, address, container });
    const prefix = network.bridge?.subnet.split("/")[1] ?? "";
    const askedMac = mac ?? wanted?.MacAddress ?? "";
    if (askedMac !== "" && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(askedMac)) {
      throw invalidArgument(`invalid MAC address: ${askedMac}`);
    }
    const spec = network.bridge && {
      bridge: network.bridge.device,
      ifname,
      address: `${address}/${prefix}`,
      gateway: hasGateway(network) ? network.bridge.gateway : null,
      mac: askedMac === "" ? null : askedMac.toLowerCase(),
    };
    const record = { networkId, networkName: network.name, containerId, containerName: name, settings };
    return { id, networkId, network, record, spec };
  }

  #record(containerId: string, plan: readonly Planned[], settings: NetworkSettings): number {
    return this.#db.transaction("normal", (tx) => {
      for (const { id, record } of plan) this.#putMember(tx, id, record);
      this.#sandboxes.put(tx, containerId, { attached: false, path: null, state: null, settings });
      const effects = ["netns", ...plan.map(({ record }) => `address ${record.settings.IPAddress}`), "ports"];
      return this.#intents.begin(tx, { operation: "networks.attach", subject: containerId, effects });
    });
  }

  async #kernelAttach(request: SandboxRequest, plan: readonly Planned[]): Promise<SandboxState> {
    for (const { networkId, network } of plan) if (network.bridge) await this.#ensureBridge(networkId, network);
    const outward = plan.find(({ network }) => hasGateway(network));
    const ports = outward
      ? planPorts({
          bindings: request.portBindings,
          exposed: request.exposedPorts,
          publishAll: request.publishAllPorts,
          address: outward.record.settings.IPAddress,
          hostBinding: outward.network.bridge?.hostBinding || this.#config.hostBinding || "0.0.0.0",
        })
      : [];
    if (ports.length > 0 && !this.#config.firewall) {
      throw invalidArgument("ports cannot be published: the engine was told to leave the firewall alone");
    }
    const endpoints = plan.flatMap(({ spec }) => (spec ? [spec] : []));
    return this.#netd.call("attach", { containerId: request.containerId, endpoints, ports });
  }

  #settings(
    request: SandboxRequest,
    plan: readonly Planned[],
    empty: NetworkSettings,
    state: SandboxState | null,
    sandboxId: string,
  ): NetworkSettings {
    const Networks: Record<string, EndpointSettings> = {};
    for (const { network, record } of plan) {
      const mac = state?.interfaces.find((one) => one.bridge === network.bridge?.device)?.mac ?? "";
      Networks[network.name] = { ...record.settings, MacAddress: mac };
    }
    return {
      ...empty,
      ...topLevel(Networks),
      SandboxID: sandboxId,
      SandboxKey: state?.path ?? "",
      Ports: state && state.interfaces.length > 0 ? portMapOf(state.ports, request.exposedPorts) : {},
      Networks,
    };
  }

  #texts(request: SandboxRequest, plan: readonly Planned[], inHost: boolean): Pick<Sandbox, "hosts" | "resolvConf"> {
    const config = this.#config;
    const gateway = this.#defaultGateway();
    const hosts = {
      hostname: request.hostname,
      domainname: request.domainname,
      addresses: plan.map(({ record }) => record.settings.IPAddress).filter((address) => address !== ""),
      extraHosts: request.extraHosts ?? [],
      hostGateways: config.hostGatewayIps.length > 0 ? config.hostGatewayIps : gateway === undefined ? [] : [gateway],
    };
    const pick = (own: readonly string[] | undefined, all: readonly string[]): readonly string[] =>
      own && own.length > 0 ? own : all;
    return {
      hosts: inHost ? hostNetworkHosts(hosts) : hostsText(hosts),
      resolvConf: resolvText({
        servers: pick(request.dns, config.dns),
        search: pick(request.dnsSearch, config.dnsSearch),
        options: pick(request.dnsOptions, config.dnsOptions),
        ownNamespace: !inHost,
      }),
    };
  }

  #defaultGateway(): string | undefined {
    const id = this.#networks.findUnique("name", "bridge");
    return id === undefined ? undefined : this.#networks.get(id)?.bridge?.gateway;
  }

  #forgetSandbox(containerId: string, intent?: number): void {
    const members = this.#membersOf(containerId);
    this.#db.transaction("normal", (tx) => {
      for (const [id] of members) this.#endpoints.delete(tx, id);
      this.#sandboxes.delete(tx, containerId);
      this.#members.delete(containerId);
      if (intent !== undefined) this.#intents.finish(tx, intent);
    });
    for (const [, { networkId, settings }] of members) this.#addresses.give(networkId, settings.IPAddress);
  }

  async #ensureBridge(id: string, network: NetworkRecord): Promise<void> {
    if (this.#ready.has(id)) return;
    await ensureBridge((method, params) => this.#netd.call(method, params), network);
    this.#ready.add(id);
  }

  /** Brings a netd that was just reached and the records to the same state; the records say who lives. */
  async #synchronise(call: NetdClient["call"]): Promise<void> {
    this.#ready.clear();
    const networks = this.#networks.list().records;
    const { bridges } = await call("hello", {});
    const sandboxes = this.#sandboxes.list().records;
    const live = [...sandboxes].filter(([, sandbox]) => sandbox.attached && sandbox.state);
    const needed = new Set(live.flatMap(([, sandbox]) => sandbox.state?.interfaces.map((one) => one.bridge) ?? []));
    for (const [id, network] of networks) {
      const device = network.bridge?.device;
      if (device === undefined || (network.name !== "bridge" && !needed.has(device))) continue;
      await ensureBridge(call, network);
      this.#ready.add(id);
    }
    const devices = new Set([...networks.values()].map((network) => network.bridge?.device));
    const held = new Set<string>();
    for (const state of await call("list", {})) {
      const record = sandboxes.get(state.containerId);
      if (record) held.add(state.containerId);
      else await call("detach", { containerId: state.containerId });
    }
    for (const name of bridges) if (!devices.has(name)) await call("removeBridge", { name });
    for (const [id, sandbox] of live) {
      if (held.has(id) || !sandbox.state || !existsSync(sandbox.state.path)) continue;
      try {
        const state = await call("adopt", sandbox.state);
        this.#db.transaction("normal", (tx) => this.#sandboxes.put(tx, id, { ...sandbox, state }));
      } catch (error) {
        this.#options.log(`network of ${id} could not be taken over: ${error}`);
      }
    }
    await call("sweep", {});
  }

  /** A netd that died takes the table along: start another one at once when containers depend on it. */
  #netdLost(): void {
    this.#ready.clear();
    if (this.#closed) return;
    const needed = [...this.#sandboxes.list().records.values()].some((sandbox) => sandbox.state !== null);
    if (!needed) return;
    this.#netd.call("hello", {}).catch((error: unknown) => this.#options.log(`netd is gone: ${error}`));
  }
}

async function ensureBridge(call: NetdClient["call"], network: NetworkRecord): Promise<void> {
  const { bridge, internal } = network;
  if (!bridge) return;
  await call("ensureBridge", {
    name: bridge.device,
    address: `${bridge.gateway}/${bridge.subnet.split("/")[1]}`,
    mtu: bridge.mtu,
    icc: bridge.icc,
    masquerade: bridge.masquerade,
    internal,
    pooled: network.name === "bridge",
  });
}

function checkStaticAddress(network: NetworkRecord, settings: EndpointSettings): void {
  const { IPv4Address: ipv4, IPv6Address: ipv6 } = settings.IPAMConfig ?? {};
  if (ipv6) throw invalidArgument("invalid endpoint settings:\nIPv6 addresses need an IPv6 network");
  if (!ipv4) return;
  const complaints: string[] = [];
  if (isPredefined(network.name)) {
    complaints.push("* user specified IP address is supported on user defined networks only");
  }
  if (!network.bridge?.userSubnet) {
    complaints.push(
      "* user specified IP address is supported only when connecting to networks with user configured subnets",
    );
  }
  if (complaints.length === 0) return;
  throw invalidArgument(
    `invalid config for network ${network.name}: invalid endpoint settings:\n${complaints.join("\n")}`,
  );
}

/** The messages of dockerd for a start whose network failed. */
function translateAttach(error: unknown, request: SandboxRequest, plan: readonly Planned[]): unknown {
  const prefix = "failed to set up container networking: ";
  if (error instanceof NetdError && error.bind) {
    const [endpoint] = plan;
    const { host, port, ours } = error.bind;
    const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const reason = ours
      ? `Bind for ${host}:${port} failed: port is already allocated`
      : `failed to bind host port for ${where}: ${bindReason(error.code)}`;
    return systemError(
      `${prefix}driver failed programming external connectivity on endpoint ${request.name} (${endpoint?.id ?? ""}): ${reason}`,
      { cause: error },
    );
  }
  if (error instanceof DhowError) return new DhowError(error.kind, prefix + error.message, { cause: error });
  return error instanceof NetdError ? systemError(prefix + error.message, { cause: error }) : error;
}

const bindReason = (code: string | undefined): string =>
  ({
    EADDRINUSE: "address already in use",
    EADDRNOTAVAIL: "cannot assign requested address",
    EACCES: "permission denied",
  })[code ?? ""] ?? `${code}`;

function translate(error: unknown): unknown {
  return error instanceof NetdError && kindOf(error) === "internal"
    ? systemError(error.message, { cause: error })
    : error;
}
