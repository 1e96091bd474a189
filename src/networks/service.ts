/** The networks service: records and addresses here, everything in the kernel with netd. */
import type {
  EndpointSettings,
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkSettings,
} from "../api/networks.ts";
import type { Operation } from "../lib/operation.ts";
import { Rtnetlink } from "../linux/rtnetlink.ts";
import { Attachments } from "./attachments.ts";
import { NetworkBook } from "./book.ts";
import { Connections } from "./connections.ts";
import { defaultNetworks } from "./defaults.ts";
import { type Pool, poolsOf } from "./ipam.ts";
import { KernelNetworks } from "./kernel.ts";
import type {
  ConnectedContainer,
  InterfaceStats,
  NetworkEvent,
  NetworkFilters,
  Networks,
  NetworksOptions,
  PortChange,
  Republished,
  ResolvConfs,
  Sandbox,
  SandboxRequest,
  StoppedContainer,
} from "./networks.ts";
import { checkEndpoint } from "./plan.ts";
import { parsePort } from "./ports-plan.ts";
import { republish } from "./publishing.ts";
import { checkConnection, checkDisconnection, keyAmong } from "./stopped.ts";
import { NetworkVerbs } from "./verbs.ts";

/** Makes the service; nothing happens in the kernel before `restore`. */
export function createNetworks(options: NetworksOptions): Networks {
  return new NetworkService(options);
}

class NetworkService implements Networks {
  readonly #options: NetworksOptions;
  readonly #book: NetworkBook;
  readonly #kernel: KernelNetworks;
  readonly #verbs: NetworkVerbs;
  readonly #attachments: Attachments;
  readonly #connections: Connections;
  readonly #pools: readonly Pool[];
  /** Asked of the kernel once. */
  #upperDrivers: readonly string[] | undefined;
  readonly #listeners: ((event: NetworkEvent) => void)[] = [];

  constructor(options: NetworksOptions) {
    const { config, db, log } = options;
    const emit = (event: NetworkEvent): void => {
      for (const listener of this.#listeners) listener(event);
    };
    this.#options = options;
    this.#book = new NetworkBook(db);
    this.#kernel = new KernelNetworks(options, this.#book);
    this.#pools = poolsOf(config.addressPools, options.engineId);
    this.#verbs = new NetworkVerbs({ config, pools: this.#pools }, this.#book, this.#kernel, emit);
    this.#attachments = new Attachments(config, this.#book, this.#kernel, emit, log);
    this.#connections = new Connections(config, this.#book, this.#kernel, emit);
  }

  async restore(running: ReadonlySet<string>): Promise<void> {
    const { config, log } = this.#options;
    this.#book.load(running, log);
    const present = this.#book.networks.list().records;
    this.#book.db.transaction("normal", (tx) => {
      for (const [id, network] of defaultNetworks(config, this.#pools, present))
        this.#book.networks.put(tx, id, network);
    });
    const waits = this.#kernel.needed() || (await this.#kernel.netd.running());
    const met = this.#kernel.meet();
    // What runs is taken back before anything else is asked; without it netd starts beside the daemon, so that the
    // first container finds it there. Its failure is told by whoever needs it.
    if (waits) await met;
    else met.catch((error: unknown) => log(`netd: ${error}`));
  }

  list(filters: NetworkFilters): Network[] {
    return this.#verbs.list(filters);
  }

  inspect(nameOrId: string): Network {
    return this.#verbs.inspect(nameOrId);
  }

  create(request: NetworkCreateRequest, op: Operation): Promise<{ Id: string; Warning: string }> {
    return this.#verbs.create(request, op);
  }

  remove(nameOrId: string, _op: Operation): Promise<void> {
    return this.#verbs.remove(nameOrId);
  }

  prune(filters: NetworkFilters, _op: Operation): Promise<{ NetworksDeleted: string[] }> {
    return this.#verbs.prune(filters);
  }

  upperDrivers(): readonly string[] {
    if (!this.#upperDrivers) {
      using route = new Rtnetlink();
      this.#upperDrivers = (["ipvlan", "macvlan"] as const).filter((kind) => route.supports(kind));
    }
    return this.#upperDrivers;
  }

  validate({
    networkMode,
    endpoints,
    portBindings,
  }: Pick<SandboxRequest, "networkMode" | "endpoints" | "portBindings">): void {
    for (const key of Object.keys(portBindings)) parsePort(key);
    if (networkMode.startsWith("container:")) return;
    for (const [name, settings] of Object.entries(endpoints)) {
      const [, network] = this.#book.find(name === "default" ? "bridge" : name);
      checkEndpoint(network, settings);
    }
  }

  checkConnection(nameOrId: string, container: StoppedContainer, wanted: EndpointSettings | undefined): void {
    checkConnection(this.#book, nameOrId, container, wanted);
  }

  checkDisconnection(nameOrId: string, container: StoppedContainer): void {
    checkDisconnection(this.#book, nameOrId, container);
  }

  keyAmong(endpoints: StoppedContainer["endpoints"], nameOrId: string): string | undefined {
    return keyAmong(this.#book, endpoints, nameOrId);
  }

  attach(request: SandboxRequest, op: Operation): Promise<Sandbox> {
    return this.#attachments.attach(request, op);
  }

  republish(containerId: string, change: PortChange, op: Operation): Promise<Republished | null> {
    const rooms = { config: this.#options.config, book: this.#book, kernel: this.#kernel };
    return republish(rooms, containerId, change, op);
  }

  leaveTo(pid: number, containerId: string): Promise<void> {
    return this.#kernel.leaveTo(pid, containerId);
  }

  detach(containerId: string): Promise<void> {
    return this.#attachments.detach(containerId);
  }

  connect(
    nameOrId: string,
    container: ConnectedContainer,
    request: NetworkConnectRequest,
    op: Operation,
  ): Promise<EndpointSettings> {
    return this.#connections.connect(nameOrId, container, request, op);
  }

  disconnect(nameOrId: string, container: ConnectedContainer, op: Operation): Promise<EndpointSettings> {
    return this.#connections.disconnect(nameOrId, container, op);
  }

  rename(containerId: string, name: string): Promise<void> {
    return this.#attachments.rename(containerId, name);
  }

  servedResolvConf(containerId: string): ResolvConfs | undefined {
    return this.#attachments.servedResolvConf(containerId);
  }

  hostAddressesOf(containerId: string): readonly string[] {
    return this.#attachments.hostAddressesOf(containerId);
  }

  settingsOf(containerId: string): NetworkSettings | undefined {
    return this.#attachments.settingsOf(containerId);
  }

  statsOf(containerId: string): Promise<Record<string, InterfaceStats>> {
    return this.#attachments.statsOf(containerId);
  }

  onEvent(listener: (event: NetworkEvent) => void): void {
    this.#listeners.push(listener);
  }

  async shutdown(): Promise<void> {
    await this.#kernel.shutdown();
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kernel[Symbol.asyncDispose]();
  }
}
