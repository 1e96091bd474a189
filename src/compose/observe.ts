/** What the engine has of a project: read once, before anything is planned. */
import type { ContainerStatus, ContainerSummary, MountPoint } from "../api/containers.ts";
import type { ImageInspect } from "../api/images.ts";
import type { Network } from "../api/networks.ts";
import { paths } from "../api/paths.ts";
import type { Volume, VolumeListResponse } from "../api/volumes.ts";
import { ApiError, type Client } from "../client/client.ts";
import { filterQuery, to } from "../client/route-call.ts";
import { labels } from "./labels.ts";

/** One container of the project, one-off ones included. */
export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly number: number;
  readonly oneoff: boolean;
  readonly state: ContainerStatus;
  /** Ids of the networks that it is in. */
  readonly networkIds: readonly string[];
  readonly mounts: readonly MountPoint[];
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: ContainerSummary;
}

export interface Observed {
  readonly containers: readonly ObservedContainer[];
  /** Every network and volume of the engine, by name: external ones may be anybody's. */
  readonly networks: ReadonlyMap<string, Network>;
  readonly volumes: ReadonlyMap<string, Volume>;
}

/** The requests go side by side. */
export async function observe(client: Client, project: string): Promise<Observed> {
  const [containers, networks, volumes] = await Promise.all([
    observeContainers(client, project),
    client.json<Network[]>(to(paths.networkList)),
    client.json<VolumeListResponse>(to(paths.volumeList)),
  ]);
  return {
    containers,
    networks: new Map(networks.map((network) => [network.Name, network])),
    volumes: new Map((volumes.Volumes ?? []).map((volume) => [volume.Name, volume])),
  };
}

/** All containers of the project that Compose made, stopped ones too. */
export async function observeContainers(client: Client, project: string): Promise<ObservedContainer[]> {
  const filters = filterQuery({ label: [`${labels.project}=${project}`, labels.configHash] });
  const rows = await client.json<ContainerSummary[]>(to(paths.containerList, {}, { all: true, filters }));
  return rows.map(observedContainer).sort(byServiceAndNumber);
}

export function observedContainer(summary: ContainerSummary): ObservedContainer {
  const given = summary.Labels ?? {};
  return {
    id: summary.Id,
    name: containerName(summary),
    service: given[labels.service] ?? "",
    number: Number(given[labels.number] ?? 0),
    oneoff: given[labels.oneoff] === "True",
    state: summary.State,
    networkIds: Object.values(summary.NetworkSettings?.Networks ?? {}).map(({ NetworkID }) => NetworkID),
    mounts: summary.Mounts ?? [],
    labels: given,
    summary,
  };
}

/** Its own name: the others are those of links. */
function containerName({ Names }: ContainerSummary): string {
  const own = Names.find((name) => !name.slice(1).includes("/")) ?? Names[0] ?? "";
  return own.replace(/^\//, "");
}

function byServiceAndNumber(a: ObservedContainer, b: ObservedContainer): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  return a.number - b.number || (a.name < b.name ? -1 : 1);
}

/** Images that are here, by the name that was asked for. */
export async function observeImages(client: Client, names: Iterable<string>): Promise<Map<string, ImageInspect>> {
  const found = await Promise.all(
    [...new Set(names)].map(async (name): Promise<[string, ImageInspect][]> => {
      const image = await inspectImage(client, name);
      return image ? [[name, image]] : [];
    }),
  );
  return new Map(found.flat());
}

export async function inspectImage(client: Client, name: string): Promise<ImageInspect | null> {
  try {
    return await client.json<ImageInspect>(to(paths.imageInspect, { name }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
