import type {
  ContainerConfig,
  ContainerInspectResponse,
  ContainerState,
  ContainerSummary,
  MountPoint,
  Port,
} from "../api/containers.ts";
import type { HostConfig, Mount, PortMap } from "../api/host-config.ts";
import { type EndpointSettings, emptyEndpoint, type NetworkSettings } from "../api/networks.ts";
import { logPath } from "../logs/log-target.ts";
import type { ResolvedMount } from "../volumes/mounts.ts";
import type { Container } from "./container.ts";
import { type Context, pathsOf } from "./context.ts";
import { hasProcess } from "./lifecycle.ts";
import { linkNames, linksView } from "./links.ts";
import { inOrder } from "./merge-config.ts";
import type { RunState } from "./record.ts";
import { statusText } from "./status-text.ts";

/** Sizes that are asked for with `--size` only. */
export interface Sizes {
  readonly SizeRw: number;
  readonly SizeRootFs: number;
}

function stateView(state: RunState): ContainerState {
  const { status, health } = state;
  return {
    Status: status,
    // Docker counts a container that waits for its restart as running.
    Running: hasProcess(status) || status === "restarting",
    Paused: status === "paused",
    Restarting: status === "restarting",
    OOMKilled: state.oomKilled,
    Dead: status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(health ? { Health: health } : {}),
  };
}

function mountView(mount: ResolvedMount, { Mounts }: HostConfig): MountPoint {
  const isNamed = !mount.anonymous || Mounts?.some(({ Target }) => Target === mount.destination);
  return {
    Type: mount.type,
    ...(mount.name ? { Name: mount.name } : {}),
    Source: mount.source,
    Destination: mount.destination,
    ...(mount.driver ? { Driver: mount.driver } : {}),
    // dockerd marks a volume whose mode nobody gave as shareable between SELinux domains, but for those of bare paths.
    Mode: mount.type === "volume" && isNamed && mount.mode === "" ? "z" : mount.mode,
    RW: !mount.readOnly,
    Propagation: mount.propagation,
  };
}

function mountsView(container: Container): MountPoint[] {
  const { mounts, hostConfig } = container.record;
  return mounts.filter((mount) => mount.listed).map((mount) => mountView(mount, hostConfig));
}

/** What networks say of a running container; for another one, what it asked for. */
export function networkSettings(ctx: Context, container: Container): NetworkSettings {
  const live = hasProcess(container.status) ? ctx.networks.settingsOf(container.id) : undefined;
  if (live) return live;
  const Networks = restingEndpoints(container);
  return { ...noNetwork, MacAddress: Networks.bridge?.MacAddress ?? "", Networks };
}

function restingEndpoints(container: Container): Record<string, EndpointSettings> {
  const endpoints: Record<string, EndpointSettings> = {};
  for (const [name, { IPAMConfig, Links, Aliases, MacAddress, DriverOpts, GwPriority }] of Object.entries(
    container.record.endpoints,
  )) {
    endpoints[name] = { ...emptyEndpoint(), IPAMConfig, Links, Aliases, MacAddress, DriverOpts, GwPriority };
  }
  return endpoints;
}

const noNetwork: Omit<NetworkSettings, "Networks"> = {
  Bridge: "",
  SandboxID: "",
  SandboxKey: "",
  Ports: {},
  HairpinMode: false,
  LinkLocalIPv6Address: "",
  LinkLocalIPv6PrefixLen: 0,
  SecondaryIPAddresses: null,
  SecondaryIPv6Addresses: null,
  EndpointID: "",
  Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  MacAddress: "",
};

export function inspectView(ctx: Context, container: Container, sizes?: Sizes): ContainerInspectResponse {
  const { record } = container;
  const paths = pathsOf(ctx, record.id);
  const hasFiles = container.status !== "created";
  const logType = record.hostConfig.LogConfig.Type;
  const execs = [...container.execs.values()].filter((exec) => exec.status === "running").map((exec) => exec.id);
  return {
    Id: record.id,
    Created: record.created,
    Path: record.path,
    Args: [...record.args],
    State: stateView(record.state),
    Image: record.image,
    ResolvConfPath: hasFiles ? paths.resolvConf : "",
    HostnamePath: hasFiles ? paths.hostname : "",
    HostsPath: hasFiles ? paths.hosts : "",
    // What the other drivers keep is their own affair.
    LogPath: hasFiles && logType === "json-file" ? logPath(paths.dir, record.id, logType) : "",
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: record.driver,
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: record.apparmorProfile,
    ExecIDs: execs.length > 0 ? execs : null,
    HostConfig: { ...hostConfigView(ctx, record.hostConfig), Links: linksView(ctx, record) },
    GraphDriver: {
      Data: ctx.snapshots.hasKey(record.id) ? { ID: record.id, ...ctx.snapshots.driverData(record.id) } : {},
      Name: record.driver,
    },
    ...(sizes ?? {}),
    Mounts: mountsView(container),
    Config: configView(container),
    NetworkSettings: networkSettings(ctx, container),
    ...(record.imageDescriptor ? { ImageManifestDescriptor: record.imageDescriptor } : {}),
  };
}

/** The hardware address that was asked for belongs to the network; older clients look for it here. */
function configView({ record: { config, hostConfig, endpoints } }: Container): ContainerConfig {
  const wanted = endpoints[hostConfig.NetworkMode]?.MacAddress;
  return wanted ? inOrder({ ...config, MacAddress: wanted }) : config;
}

function hostConfigView({ shownDefaults }: Context, own: HostConfig): HostConfig {
  const hostConfig = own.Mounts ? { ...own, Mounts: own.Mounts.map(withoutEmpty) } : own;
  if (!shownDefaults) return hostConfig;
  const hidden = (own: string[] | null, otherwise: readonly string[]): string[] | null =>
    own ?? (hostConfig.Privileged ? null : [...otherwise]);
  return {
    ...hostConfig,
    CgroupnsMode: hostConfig.CgroupnsMode || shownDefaults.cgroupnsMode,
    MaskedPaths: hidden(hostConfig.MaskedPaths, shownDefaults.maskedPaths),
    ReadonlyPaths: hidden(hostConfig.ReadonlyPaths, shownDefaults.readonlyPaths),
  };
}

/** A mount that has no source does not show one. */
function withoutEmpty(mount: Mount): Mount {
  const { Source, ...rest } = mount;
  return (Source === "" ? rest : mount) as Mount;
}

/** What all containers of one list share. */
export interface ListMoment {
  readonly now: bigint;
  /** What each reference met so far means. */
  readonly imageIds: Map<string, string | null>;
}

export function summaryView(ctx: Context, container: Container, moment: ListMoment, sizes?: Sizes): ContainerSummary {
  const { record } = container;
  const { config, hostConfig } = record;
  const settings = networkSettings(ctx, container);
  return {
    Id: record.id,
    Names: [`/${record.name}`, ...linkNames(ctx, container)],
    Image: imageName(ctx, container, moment),
    ImageID: record.image,
    ...(record.imageDescriptor ? { ImageManifestDescriptor: record.imageDescriptor } : {}),
    Command: [record.path, ...record.args].map(quoted).join(" "),
    Created: Number(container.createdAt / 1_000_000_000n),
    Ports: portsView(settings.Ports),
    ...(sizes ?? {}),
    Labels: config.Labels,
    State: record.state.status,
    Status: statusText(record.state, moment.now),
    HostConfig: {
      NetworkMode: hostConfig.NetworkMode,
      ...(hostConfig.Annotations ? { Annotations: hostConfig.Annotations } : {}),
    },
    NetworkSettings: { Networks: summaryEndpoints(settings.Networks) },
    Mounts: mountsView(container),
  };
}

/** A list leaves out what a container is called in its networks. */
function summaryEndpoints(networks: NetworkSettings["Networks"]): NetworkSettings["Networks"] {
  return Object.fromEntries(
    Object.entries(networks).map(([name, endpoint]) => [name, { ...endpoint, Aliases: null, DNSNames: null }]),
  );
}

/** The reference the user gave while it still means the same image, else the image's id. */
function imageName(ctx: Context, { record: { config, image } }: Container, { imageIds }: ListMoment): string {
  let id = imageIds.get(config.Image);
  if (id === undefined) {
    id = imageIdOf(ctx, config.Image);
    imageIds.set(config.Image, id);
  }
  return id === image ? config.Image : image;
}

/** Null for a reference that means no image, or one that cannot be read. */
function imageIdOf(ctx: Context, reference: string): string | null {
  try {
    return ctx.images.resolve(reference).id;
  } catch {
    return null;
  }
}

/** Arguments with blanks are quoted in the list, as Docker's are. */
function quoted(argument: string): string {
  return argument.includes(" ") ? `'${argument}'` : argument;
}

export function portsView(ports: PortMap): Port[] {
  const view: Port[] = [];
  for (const [key, bindings] of Object.entries(ports)) {
    const [port = "0", protocol = "tcp"] = key.split("/");
    const PrivatePort = Number(port);
    if (!bindings?.length) view.push({ PrivatePort, Type: protocol });
    for (const { HostIp, HostPort } of bindings ?? []) {
      view.push({ IP: HostIp, PrivatePort, PublicPort: Number(HostPort), Type: protocol });
    }
  }
  return view;
}
