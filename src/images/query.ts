/** Images as the API shows them: list, inspect, history. */

import type { ContainerConfig } from "../api/containers.ts";
import type { Filters } from "../api/filters.ts";
import type { ImageHistoryResponseItem, ImageInspect, ImageSummary, ShownImageConfig } from "../api/images.ts";
import { invalidArgument } from "../lib/errors.ts";
import { globMatch, isMalformedGlob } from "../lib/glob.ts";
import { familiarReference, familiarRepository, type Reference, repositoryOf } from "../lib/reference.ts";
import { parseUntil } from "../lib/until.ts";
import type { Catalog, Image } from "./catalog.ts";
import { checkPlatform } from "./check-platform.ts";
import type { ImageUser, LayerStore } from "./images.ts";
import { wireDescriptor } from "./manifest.ts";

/** What the questions below are answered from. */
export interface QuerySources {
  readonly catalog: Catalog;
  readonly snapshots: LayerStore;
  usersOf(imageId: string): readonly ImageUser[];
}

/** Bytes of the image's layers. */
export async function sizeOf({ snapshots }: QuerySources, image: Image): Promise<number> {
  let total = 0;
  for (const chainId of image.chain) if (snapshots.hasLayer(chainId)) total += await snapshots.layerSize(chainId);
  return total;
}

function split(names: readonly Reference[]): { tags: string[]; digests: string[] } {
  const tags = names.filter((name) => name.digest === null).map(familiarReference);
  return { tags, digests: names.filter((name) => name.digest !== null).map(familiarReference) };
}

/** Milliseconds since the epoch; 0 when the image does not say. */
export function createdAt(image: Image): number {
  const at = Date.parse(image.file.created ?? "");
  return Number.isNaN(at) ? 0 : at;
}

export async function list(
  sources: QuerySources,
  query: { all: boolean; filters: Filters; sharedSize: boolean },
): Promise<ImageSummary[]> {
  const { catalog } = sources;
  const images = catalog.readable();
  const accepts = filterOf(sources, query.filters);
  const parents = new Set(images.map((image) => image.record.parent));
  const uses = new Map<string, number>();
  if (query.sharedSize)
    for (const { chain } of images) for (const one of chain) uses.set(one, (uses.get(one) ?? 0) + 1);
  const summaries: ImageSummary[] = [];
  const patterns = query.filters.get("reference");
  if (patterns?.some(isMalformedGlob)) throw invalidArgument("syntax error in pattern");
  for (const image of images) {
    let names = catalog.namesOf(image.id);
    if (!accepts(image, names)) continue;
    if (!query.all && names.length === 0 && parents.has(image.id)) continue; // an intermediate image of a build or commit
    if (patterns) {
      names = names.filter((name) => patterns.some((pattern) => matchesPattern(pattern, name)));
      if (names.length === 0) continue;
    }
    const { tags, digests } = split(names);
    let shared = -1;
    if (query.sharedSize) {
      shared = 0;
      for (const one of image.chain) if ((uses.get(one) ?? 0) > 1) shared += await sources.snapshots.layerSize(one);
    }
    summaries.push({
      Containers: sources.usersOf(image.id).length,
      Created: Math.trunc(createdAt(image) / 1000),
      Id: image.id,
      Labels: Object.keys(image.config.Labels).length > 0 ? image.config.Labels : null,
      ParentId: image.record.parent,
      RepoDigests: digests,
      RepoTags: tags,
      SharedSize: shared,
      Size: await sizeOf(sources, image),
      Descriptor: wireDescriptor(image.record.target),
    });
  }
  return summaries.sort((a, b) => b.Created - a.Created);
}

function matchesPattern(pattern: string, name: Reference): boolean {
  const repository = familiarRepository(name);
  const forms = [familiarReference(name), repository];
  const full = repositoryOf(name);
  forms.push(full, full + familiarReference(name).slice(repository.length));
  return forms.some((form) => globMatch(pattern, form));
}

type Accepts = (image: Image, names: readonly Reference[]) => boolean;

/** One predicate of all filters but `reference`, which also narrows the names. */
export function filterOf(sources: QuerySources, filters: Filters): Accepts {
  const checks: Accepts[] = [];
  for (const [key, values] of filters) {
    if (key === "dangling") {
      const wanted = booleanOf(key, values);
      checks.push((_image, names) => names.every((name) => name.tag === null) === wanted);
    } else if (key === "label" || key === "label!") {
      const has = (image: Image, value: string): boolean => {
        const at = value.indexOf("=");
        const label = image.config.Labels[at < 0 ? value : value.slice(0, at)];
        return label !== undefined && (at < 0 || label === value.slice(at + 1));
      };
      checks.push((image) => values.every((value) => has(image, value) === (key === "label")));
    } else if (key === "before" || key === "since") {
      const times = values.map((value) => createdAt(sources.catalog.find(value).image));
      checks.push((image) => times.every((at) => (key === "before" ? createdAt(image) < at : createdAt(image) > at)));
    } else if (key === "until") {
      const limits = values.map((value) => parseUntil([value]) ?? 0n);
      checks.push((image) => limits.every((limit) => BigInt(createdAt(image)) * 1_000_000n <= limit));
    }
  }
  return (image, names) => checks.every((check) => check(image, names));
}

function booleanOf(key: string, values: readonly string[]): boolean {
  const isTrue = values.some((value) => value === "1" || value === "true");
  const isFalse = values.some((value) => value === "0" || value === "false");
  if (isTrue === isFalse) throw invalidArgument(`invalid filter '${key}=[${values.join(" ")}]'`);
  return isTrue;
}

export async function inspect(sources: QuerySources, name: string, platform: string): Promise<ImageInspect> {
  const { image } = sources.catalog.find(name);
  checkPlatform(image, platform, name);
  const { file, record } = image;
  const { tags, digests } = split(sources.catalog.namesOf(image.id));
  return {
    Id: image.id,
    RepoTags: tags,
    RepoDigests: digests,
    Parent: record.parent,
    Comment: file.comment ?? "",
    ...(file.created ? { Created: file.created } : {}),
    DockerVersion: file.docker_version ?? "",
    Author: file.author ?? "",
    Architecture: file.architecture ?? "",
    ...(file.variant ? { Variant: file.variant } : {}),
    Os: file.os || "linux",
    ...(file["os.version"] ? { OsVersion: file["os.version"] } : {}),
    Size: await sizeOf(sources, image),
    GraphDriver: { Data: graphData(sources, image), Name: sources.snapshots.name },
    RootFS: { Type: "layers", ...(file.rootfs.diff_ids.length > 0 ? { Layers: [...file.rootfs.diff_ids] } : {}) },
    Metadata: { LastTagTime: record.lastTagged || "0001-01-01T00:00:00Z" },
    Descriptor: wireDescriptor(record.target),
    Config: configView(image.config),
  };
}

/** In dockerd's order; what is never left out is null, or empty, when the image does not say it. */
function configView(config: ContainerConfig): ShownImageConfig {
  const { Cmd, Entrypoint, Env, ExposedPorts, Healthcheck, Labels, OnBuild, Shell, StopSignal } = config;
  return {
    ...(config.ArgsEscaped ? { ArgsEscaped: true } : {}),
    Cmd,
    Entrypoint,
    Env,
    ...(ExposedPorts ? { ExposedPorts } : {}),
    ...(Healthcheck ? { Healthcheck } : {}),
    Labels: Object.keys(Labels).length > 0 ? Labels : null,
    OnBuild,
    ...(Shell ? { Shell } : {}),
    ...(StopSignal ? { StopSignal } : {}),
    User: config.User,
    Volumes: config.Volumes,
    WorkingDir: config.WorkingDir,
  };
}

function graphData({ snapshots }: QuerySources, { chain }: Image): Record<string, string> | null {
  const top = chain.at(-1);
  return top !== undefined && snapshots.hasLayer(top) ? (snapshots.layerData?.(top) ?? null) : null;
}

export async function history(
  sources: QuerySources,
  name: string,
  platform: string,
): Promise<ImageHistoryResponseItem[]> {
  const { catalog, snapshots } = sources;
  const { image } = catalog.find(name);
  checkPlatform(image, platform, name);
  const rows: ImageHistoryResponseItem[] = [];
  let layer = 0;
  for (const entry of image.file.history ?? []) {
    const chainId = entry.empty_layer ? undefined : image.chain[layer++];
    const created = Date.parse(entry.created ?? "");
    rows.push({
      Comment: entry.comment ?? "",
      Created: Number.isNaN(created) ? 0 : Math.trunc(created / 1000),
      CreatedBy: entry.created_by ?? "",
      Id: "<missing>",
      Size: chainId && snapshots.hasLayer(chainId) ? await snapshots.layerSize(chainId) : 0,
      Tags: null,
    });
  }
  rows.reverse();
  // The rows of images that are here, this one and what it was committed from, carry their ids and tags.
  let at = 0;
  for (let one: Image | null = image; one && rows[at]; ) {
    const { tags } = split(catalog.namesOf(one.id));
    rows[at] = { ...rows[at]!, Id: one.id, Tags: tags.length > 0 ? tags : null };
    const parent: Image | undefined = catalog.readable().find((other) => other.id === one?.record.parent);
    at = rows.length - (parent?.file.history?.length ?? 0);
    one = parent ?? null;
  }
  return rows;
}
