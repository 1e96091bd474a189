import type {
  EndpointSettings,
  Network,
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkSettings,
  PortMap,
} from "../api/networks.ts";
import type { Operation } from "../lib/operation.ts";
import type { Database, Tx } from "../state/database.ts";

/** What the networks room is told at its start; the engine's configuration has this shape under `network`. */
export interface NetworksConfig {
  /** Device of the default network `bridge`; `none` means that there is no default network. */
  readonly bridgeName: string;
  /** That device is somebody else's: it must be there, and the network has its addresses. */
  readonly foreignBridge: boolean;
  /** Address and prefix of that device; undefined takes the first free pool. */
  readonly bip: string | undefined;
  readonly fixedCidr: string | undefined;
  readonly defaultGateway: string | undefined;
  /** The default network carries IPv6 too. */
  readonly ipv6: boolean;
  /** As `bip`, `fixedCidr` and `defaultGateway`; a range alone says where the device is, too. */
  readonly bip6: string | undefined;
  readonly fixedCidr6: string | undefined;
  readonly defaultGateway6: string | undefined;
  readonly addressPools: readonly { readonly base: string; readonly size: number }[];
  /** Options of networks that name none of their own, by driver. */
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly mtu: number;
  readonly icc: boolean;
  readonly ipMasquerade: boolean;
  readonly ipForward: boolean;
  /** False leaves IPv4 firewalls alone: no rules of ours there, ports are published by proxies. */
  readonly firewall: boolean;
  /** The same for IPv6. */
  readonly firewall6: boolean;
  /** A chain of the firewall for rules of the user's own is kept before ours. */
  readonly userChain: boolean;
  /** Published ports are reached at the containers' own addresses, too. */
  readonly directRouting: boolean;
  /** Where translation cannot reach a published port, a proxy serves it. */
  readonly userlandProxy: boolean;
  /** Default host address of published ports. */
  readonly hostBinding: string;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** What `host-gateway` in `--add-host` stands for; empty means the default bridge's gateway. */
  readonly hostGatewayIps: readonly string[];
}

/** What the service is made of. */
export interface NetworksOptions {
  readonly config: NetworksConfig;
  /** Names the nftables table and tells engines apart. */
  readonly instance: string;
  /** The engine's id, from which its IPv6 pool is made. */
  readonly engineId: string;
  readonly paths: { readonly execRoot: string; readonly netdSocket: string };
  readonly db: Database;
  readonly log: (message: string) => void;
}

/** A line of /etc/hosts for another container. */
export interface LinkedHost {
  readonly address: string;
  readonly names: readonly string[];
}

/** Everything that the network side of one container's start depends on. */
export interface SandboxRequest {
  readonly containerId: string;
  /** The container's name, without the leading slash. */
  readonly name: string;
  readonly hostname: string;
  readonly domainname: string;
  /** `default`, `bridge`, `host`, `none`, `container:ID` (ID already resolved to a full id), or a network's name or id. */
  readonly networkMode: string;
  /** By network name or id, as in NetworkingConfig: all of its networks, or none for that of `networkMode` alone. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  readonly portBindings: PortMap;
  /** `80/tcp`, `53/udp`, ... */
  readonly exposedPorts: readonly string[];
  readonly publishAllPorts: boolean;
  readonly macAddress?: string | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly dnsSearch?: readonly string[] | undefined;
  readonly dnsOptions?: readonly string[] | undefined;
  /** `name:address`, the address possibly `host-gateway`. */
  readonly extraHosts?: readonly string[] | undefined;
  /** Containers that this one has links to. */
  readonly linkedHosts?: readonly LinkedHost[] | undefined;
  /** `net.*` sysctls are the runtime's business; kept here for drivers that need them. */
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
}

/** A container without a process, and what its next start will ask for. */
export interface StoppedContainer {
  readonly containerId: string;
  /** By name or id of the network. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
}

/** What a connection or its end comes to, by whether the container has a process. */
export interface EndpointChange {
  running(container: ConnectedContainer): Promise<EndpointSettings>;
  /** Throws where no start could grant it. */
  stopped(container: StoppedContainer): void;
  /** What the network is called among a container's endpoints, if it is there. */
  keyOf(endpoints: StoppedContainer["endpoints"]): string | undefined;
}

/** A running container as its networks know it. */
export type ConnectedContainer = Pick<
  SandboxRequest,
  "containerId" | "name" | "hostname" | "portBindings" | "exposedPorts" | "publishAllPorts"
>;

/** The network of one started container. */
export interface Sandbox {
  /** Path of its network namespace; null is the host's own. */
  readonly netnsPath: string | null;
  /** What inspect shows under NetworkSettings. */
  readonly settings: NetworkSettings;
  /** Text of /etc/hosts. */
  readonly hosts: string;
  /** Text of /etc/resolv.conf. */
  readonly resolvConf: string;
}

/** Texts of /etc/resolv.conf: with the servers outside, and with the engine's own once a network has name service. */
export interface ResolvConfs {
  readonly plain: string;
  readonly served: string;
}

/** Counters of one interface of a container, as the stats API shows them. */
export interface InterfaceStats {
  readonly rx_bytes: number;
  readonly rx_packets: number;
  readonly rx_errors: number;
  readonly rx_dropped: number;
  readonly tx_bytes: number;
  readonly tx_packets: number;
  readonly tx_errors: number;
  readonly tx_dropped: number;
}

/** What changes of a running container's published ports. */
export interface PortChange {
  readonly add: PortMap;
  /** Of the bindings, an empty address or host port stands for any. */
  readonly remove: PortMap;
  /** Ports that inspect shows although nothing is published there. */
  readonly exposed: readonly string[];
}

/** A change that the kernel has and no record yet. */
export interface Republished {
  /** Writes it down. */
  record(tx: Tx): void;
  undo(): Promise<void>;
}

/** What happened to a network, for the event journal. */
export interface NetworkEvent {
  readonly action: "create" | "destroy" | "connect" | "disconnect" | "prune";
  readonly networkId: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Filters of list and prune, as on the wire: name -> values. */
export type NetworkFilters = Readonly<Record<string, readonly string[]>>;

/**
 * Networks and their endpoints. A container is attached at its start and detached at its exit; between the two its
 * namespace, addresses and published ports belong to netd, which outlives the daemon.
 *
 * Errors: `notFound` (`network x not found`), `conflict`, `forbidden` (`has active endpoints`), `invalidArgument`,
 * `system` for what dockerd answers with 500 (a port that is taken).
 */
export interface Networks extends AsyncDisposable {
  /** Reconciles records with the kernel after a daemon start; `running` are the ids of containers that live. */
  restore(running: ReadonlySet<string>): Promise<void>;
  list(filters: NetworkFilters): Network[];
  /** By name, id or unique id prefix. `verbose` is accepted for the wire's sake. */
  inspect(nameOrId: string): Network;
  create(request: NetworkCreateRequest, op: Operation): Promise<{ Id: string; Warning: string }>;
  remove(nameOrId: string, op: Operation): Promise<void>;
  prune(filters: NetworkFilters, op: Operation): Promise<{ NetworksDeleted: string[] }>;
  /** For a running container, whose published ports move with its way out; what a stopped one is connected to is the container's own configuration. */
  connect(
    nameOrId: string,
    container: ConnectedContainer,
    request: NetworkConnectRequest,
    op: Operation,
  ): Promise<EndpointSettings>;
  /** Returns the endpoint that was given up. */
  disconnect(nameOrId: string, container: ConnectedContainer, op: Operation): Promise<EndpointSettings>;
  /** Throws what would keep a container that does not run from starting with this connection as well. */
  checkConnection(nameOrId: string, container: StoppedContainer, wanted: EndpointSettings | undefined): void;
  /** Throws where a container that does not run cannot be disconnected. */
  checkDisconnection(nameOrId: string, container: StoppedContainer): void;
  /** What the network is called among a container's endpoints, if it is there: its name or its id. */
  keyAmong(endpoints: StoppedContainer["endpoints"], nameOrId: string): string | undefined;
  /** The drivers among macvlan and ipvlan that this kernel has devices for. */
  upperDrivers(): readonly string[];
  /** Throws when a network that `request` names does not exist or cannot do what is asked; has no effects. */
  validate(request: Pick<SandboxRequest, "networkMode" | "endpoints" | "portBindings">): void;
  attach(request: SandboxRequest, op: Operation): Promise<Sandbox>;
  /** Changes published ports of a running container, all or nothing; null where its networks publish none. */
  republish(containerId: string, change: PortChange, op: Operation): Promise<Republished | null>;
  /** The container's process `pid` runs and keeps its network from now on, which leaves the mount table. */
  leaveTo(pid: number, containerId: string): Promise<void>;
  /** Never throws for what is already gone. */
  detach(containerId: string): Promise<void>;
  /** Gives a running container's new name to its networks; one that is attached to none is passed over. */
  rename(containerId: string, name: string): Promise<void>;
  /** Undefined when the container is not attached, or has no network with name service. */
  servedResolvConf(containerId: string): ResolvConfs | undefined;
  /** What the host's names (`host.docker.internal`) stand for in an attached container now; none where it is out of reach. */
  hostAddressesOf(containerId: string): readonly string[];
  /** NetworkSettings of a container that is attached now, else undefined. */
  settingsOf(containerId: string): NetworkSettings | undefined;
  /** By interface name; empty when the container has no namespace of its own. */
  statsOf(containerId: string): Promise<Record<string, InterfaceStats>>;
  onEvent(listener: (event: NetworkEvent) => void): void;
  /** Ends netd too: for `daemon stop --all` and tests. */
  shutdown(): Promise<void>;
}
