/** The images that services need: which are here, which have to be pulled or built. */
import type { ImageInspect } from "../../api/images.ts";
import { imageOf } from "../../compose/create/container-body.ts";
import { toldError } from "../../compose/execute/execute.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import { inspectImage, observeImages } from "../../compose/observe.ts";
import { parseDuration } from "../../lib/duration.ts";
import { messageOf } from "../../lib/errors.ts";
import { parsePlatform, platformMatch } from "../../lib/platform.ts";
import { ExitError } from "../command.ts";
import { silent } from "../output.ts";
import { buildServices } from "./build.ts";
import type { Scope } from "./scope.ts";

export interface ImageOptions {
  /** `--pull`: always, missing, never, build; "policy" or "" for what each service says. */
  readonly pull: string;
  readonly build: boolean;
  readonly noBuild: boolean;
  readonly quietPull: boolean;
  readonly quietBuild: boolean;
}

export const imageDefaults: ImageOptions = {
  pull: "",
  build: false,
  noBuild: false,
  quietPull: false,
  quietBuild: false,
};

export type Need = "none" | "pull" | "build";

/** What is to be done for a service's image; `present` tells how old (in milliseconds) it is, null when it is not here. */
export function imageNeed(service: Service, present: { readonly age: number } | null, options: ImageOptions): Need {
  const chosen = ["", "policy"].includes(options.pull) ? (service.pull_policy ?? "") : options.pull;
  if (service.provider) return "none";
  const buildable = service.build !== undefined && !options.noBuild;
  if (buildable && (options.build || chosen === "build")) return "build";
  const stale = service.image !== undefined && (present?.age ?? 0) >= longestAge(chosen);
  if (chosen === "always" ? service.image !== undefined : stale) return "pull";
  if (present !== null) return "none";
  if (buildable) return "build";
  return chosen === "never" || chosen === "build" ? "none" : "pull";
}

/** Milliseconds after which an image that is here is fetched anew. */
function longestAge(policy: string): number {
  if (policy === "daily") return 24 * 3600e3;
  if (policy === "weekly") return 7 * 24 * 3600e3;
  const every = /^every_(.+)$/.exec(policy)?.[1];
  if (every !== undefined)
    return parseDuration(every.replace(/^(\d+)([dw])$/, (_, n, u) => `${Number(n) * (u === "d" ? 24 : 168)}h`)) / 1e6;
  return Number.POSITIVE_INFINITY;
}

/** Brings the images of the project's services here; answers the id of each by its name. */
export async function ensureImages(
  scope: Scope,
  project: Project,
  options: ImageOptions,
): Promise<Map<string, string>> {
  const services = Object.values(project.services);
  const nameOf = (service: Service): string => imageOf(project, service);
  const here = await observeImages(scope.client, services.map(nameOf));
  const now = Date.now();
  const needs = services.map((service): [Service, Need] => {
    const image = here.get(nameOf(service));
    const pulled = image?.Metadata?.LastTagTime ?? image?.Created ?? "";
    const present = image && isFor(image, service) ? { age: now - Date.parse(pulled) } : null;
    return [service, imageNeed(service, present, options)];
  });
  const ids = new Map([...here].map(([name, { Id }]) => [name, Id]));
  const toBuild = needs.filter(([, need]) => need === "build").map(([service]) => service);
  // What one service builds, others may run.
  const built = new Set(toBuild.map(nameOf));
  const toPull = needs
    .filter(([each, need]) => need === "pull" && !built.has(nameOf(each)))
    .map(([service]) => service);
  const missed = await pullServices(scope, project, toPull, { quiet: options.quietPull, ignoreFailures: false });
  if (!options.noBuild) toBuild.push(...missed.filter((service) => !here.has(nameOf(service))));
  if (toBuild.length > 0) await buildServices(scope, project, toBuild, { quiet: options.quietBuild });
  if (scope.dryRun) return ids;
  for (const service of [...toPull, ...toBuild]) {
    const name = imageOf(project, service);
    const image = await inspectImage(scope.client, name);
    if (image) ids.set(name, image.Id);
  }
  return ids;
}

/** Whether the image is for the platform that the service asks for. */
function isFor({ Os, Architecture, Variant }: ImageInspect, { platform }: Service): boolean {
  if (!platform) return true;
  return (
    platformMatch(parsePlatform(platform), { os: Os, architecture: Architecture, variant: Variant || undefined }) >= 0
  );
}

/** Pulls the images of services, each image once. Answers those that failed but can be built, with a warning; throws for others. */
export async function pullServices(
  scope: Scope,
  project: Project,
  services: readonly Service[],
  options: { readonly quiet: boolean; readonly ignoreFailures: boolean },
): Promise<Service[]> {
  const byImage = new Map([...services].sort(buildableLast).map((service) => [imageOf(project, service), service]));
  const failures: string[] = [];
  const buildable: Service[] = [];
  const { pullImage } = await import("../image/pull.ts");
  const pulls = [...byImage].map(([image, service]) => async (): Promise<void> => {
    if (!options.quiet) scope.display.tell(service.name, "Pulling", "working");
    try {
      if (!scope.dryRun) {
        const platform = service.platform ?? process.env.DOCKER_DEFAULT_PLATFORM ?? "";
        const tell = options.quiet ? undefined : scope.display.transfer?.(service.name);
        await pullImage(scope.cli, image, { platform, quiet: true, output: silent, ...(tell && { tell }) });
      }
      if (!options.quiet) scope.display.tell(service.name, "Pulled", "done");
    } catch (error) {
      const tolerable = service.build !== undefined || options.ignoreFailures;
      scope.display.tell(service.name, tolerable ? "Warning" : "Error", tolerable ? "warning" : "failed");
      if (service.build) buildable.push(service);
      if (!tolerable) failures.push(toldError(error));
      else if (options.ignoreFailures) scope.warn(messageOf(error));
    }
  });
  await atMost(scope.parallel, pulls);
  if (failures.length > 0) {
    await scope.display.end();
    throw new ExitError(
      1,
      failures
        .map((message) => `Error ${message}`)
        .join("\n")
        .replace(/^Error /, ""),
    );
  }
  return buildable;
}

/** Of several services with one image the one that can build it stands for it. */
const buildableLast = (a: Service, b: Service): number => Number(a.build !== undefined) - Number(b.build !== undefined);

/** Runs `works`, so many side by side; -1 for all. */
export async function atMost(parallel: number, works: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = [...works];
  const places = parallel > 0 ? Math.min(parallel, queue.length) : queue.length;
  const worker = async (): Promise<void> => {
    for (let work = queue.shift(); work; work = queue.shift()) await work();
  };
  await Promise.all(Array.from({ length: places }, worker));
}
