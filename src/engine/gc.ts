/** Garbage collection by the policy `gc` of the configuration: what has been useless for long enough goes. */
import type { ContainerInspectResponse, ContainerSummary } from "../api/containers.ts";
import { noFilters } from "../api/filters.ts";
import type { ImageInspect, ImageSummary } from "../api/images.ts";
import type { GcReport } from "../api/system.ts";
import type { EventSource } from "../events/events.ts";
import { conflict, isKind, messageOf } from "../lib/errors.ts";
import type { Operation } from "../lib/operation.ts";
import type { GcPolicy } from "./config.ts";
import type { GcClock } from "./gc-clock.ts";

/** What carries this label is never collected, container or image. */
const keepLabel = "dhow.gc";
const keepValue = "keep";

/** What garbage collection asks of the engine. */
export interface GcSources {
  policy(): GcPolicy;
  readonly clock: GcClock;
  readonly containers: {
    list(
      query: { all: true; limit: 0; size: false; filters: typeof noFilters },
      op: Operation,
    ): Promise<ContainerSummary[]>;
    inspect(ref: string, query: { size: true }, op: Operation): Promise<ContainerInspectResponse>;
    remove(ref: string, query: { volumes: false; force: false; link: false }, op: Operation): Promise<void>;
    usersOfImage(imageId: string): readonly unknown[];
  };
  readonly images: {
    list(
      query: { all: true; filters: typeof noFilters; sharedSize: true; manifests: false },
      op: Operation,
    ): Promise<ImageSummary[]>;
    inspect(name: string, query: { manifests: false; platform: "" }, op: Operation): Promise<ImageInspect>;
    remove(name: string, query: { force: true; noprune: true; platforms: [] }, op: Operation): Promise<unknown>;
  };
  emit(event: Pick<EventSource, "action" | "attributes">): void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export class GarbageCollector {
  readonly #sources: GcSources;
  #running = false;

  constructor(sources: GcSources) {
    this.#sources = sources;
  }

  /** Collects, or with `dryRun` tells what it would; one collection at a time. */
  async run({ dryRun }: { dryRun: boolean }, op: Operation): Promise<GcReport> {
    if (this.#running) throw conflict("a garbage collection is already running");
    this.#running = true;
    try {
      const Containers = await this.#containers(dryRun, op);
      const Images = await this.#images(dryRun, op);
      const SpaceReclaimed = [...Containers, ...Images].reduce((total, { Size }) => total + Size, 0);
      if (!dryRun) {
        const attributes = {
          containers: String(Containers.length),
          images: String(Images.length),
          reclaimed: String(SpaceReclaimed),
        };
        this.#sources.emit({ action: "gc", attributes });
      }
      return { DryRun: dryRun, Containers, Images, SpaceReclaimed };
    } finally {
      this.#running = false;
    }
  }

  async #containers(dryRun: boolean, op: Operation): Promise<GcReport["Containers"]> {
    const { containers, clock } = this.#sources;
    const limit = this.#sources.policy().containersStoppedMs;
    const collected: GcReport["Containers"] = [];
    if (limit === undefined) return collected;
    for (const { Id } of await containers.list({ all: true, limit: 0, size: false, filters: noFilters }, op)) {
      op.signal.throwIfAborted();
      const done = await this.#attempt(`container ${Id}`, async () => {
        const { State, Created, Name, Config, SizeRw } = await containers.inspect(Id, { size: true }, op);
        if (!["created", "exited"].includes(State.Status) || isKept(Config.Labels)) return undefined;
        // Go's zero time, of a container that never ran, is far before its creation.
        const since = Math.max(Date.parse(State.FinishedAt), Date.parse(Created));
        if (!(clock.now() - since >= limit)) return undefined;
        if (!dryRun) await containers.remove(Id, { volumes: false, force: false, link: false }, op);
        return { ID: Id, Name: Name.slice(1), StoppedSince: new Date(since).toISOString(), Size: Number(SizeRw ?? 0) };
      });
      if (!done) continue;
      collected.push(done);
      if (!dryRun)
        this.#sources.log.info(`gc: removed container ${Id} (${done.Name}), stopped since ${done.StoppedSince}`);
    }
    return collected;
  }

  async #images(dryRun: boolean, op: Operation): Promise<GcReport["Images"]> {
    const { images, containers, clock } = this.#sources;
    const limit = this.#sources.policy().imagesUnusedMs;
    const collected = new Map<string, GcReport["Images"][number]>();
    if (limit === undefined) return [];
    const all = await images.list({ all: true, filters: noFilters, sharedSize: true, manifests: false }, op);
    clock.forgetOthers(new Set(all.map(({ Id }) => Id)));
    // Youngest first, so that what was made of an image goes before it.
    for (const { Id, RepoTags, Labels, Size, SharedSize } of all) {
      op.signal.throwIfAborted();
      if (isKept(Labels) || all.some((other) => other.ParentId === Id && !collected.has(other.Id))) continue;
      const done = await this.#attempt(`image ${Id}`, async () => {
        const { Metadata } = await images.inspect(Id, { manifests: false, platform: "" }, op);
        const since = clock.imageUnusedSince(Id, Date.parse(Metadata.LastTagTime));
        // From here to the removal nothing waits: no container can come in between.
        if (containers.usersOfImage(Id).length > 0 || clock.now() - since < limit) return undefined;
        if (!dryRun) await images.remove(Id, { force: true, noprune: true, platforms: [] }, op);
        return {
          ID: Id,
          RepoTags: RepoTags ?? [],
          UnusedSince: new Date(since).toISOString(),
          Size: Number(Size) - Math.max(0, Number(SharedSize)),
        };
      });
      if (!done) continue;
      collected.set(Id, done);
      const names = done.RepoTags.join(", ") || "no name";
      if (!dryRun) this.#sources.log.info(`gc: removed image ${Id} (${names}), unused since ${done.UnusedSince}`);
    }
    return [...collected.values()];
  }

  /** What resists is told and spoils nothing else; what somebody else took or uses meanwhile is nobody's fault. */
  async #attempt<T>(what: string, body: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      return await body();
    } catch (error) {
      if (!isKind(error, "conflict", "notFound")) this.#sources.log.warn(`gc: ${what}: ${messageOf(error)}`);
      return undefined;
    }
  }
}

function isKept(labels: Readonly<Record<string, string>> | null | undefined): boolean {
  return labels?.[keepLabel] === keepValue;
}
