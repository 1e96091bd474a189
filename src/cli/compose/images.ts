/** The images that services need: which are here, which have to be pulled or built. */
import { imageOf } from "../../compose/create/container-body.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import { inspectImage, observeImages } from "../../compose/observe.ts";
import { parseDuration } from "../../lib/duration.ts";
import { messageOf } from "../../lib/errors.ts";
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
  if (chosen === "never") return "none";
  if (chosen === "always" && !(buildable && !service.image)) return service.build && !service.image ? "build" : "pull";
  const fresh = present !== null && present.age < longestAge(chosen);
  if (fresh) return "none";
  return buildable ? "build" : "pull";
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
  const names = services.map((service) => imageOf(project, service));
  const here = await observeImages(scope.client, names);
  const now = Date.now();
  const needs = services.map((service): [Service, Need] => {
    const image = here.get(imageOf(project, service));
    const pulled = image?.Metadata?.LastTagTime ?? image?.Created ?? "";
    return [service, imageNeed(service, image ? { age: now - Date.parse(pulled) } : null, options)];
  });
  const ids = new Map([...here].map(([name, { Id }]) => [name, Id]));
  const toPull = needs.filter(([, need]) => need === "pull").map(([service]) => service);
  const toBuild = needs.filter(([, need]) => need === "build").map(([service]) => service);
  await pullServices(scope, project, toPull, { quiet: options.quietPull, ignoreFailures: false });
  if (toBuild.length > 0) await buildServices(scope, project, toBuild, { quiet: options.quietBuild });
  if (scope.dryRun) return ids;
  for (const service of [...toPull, ...toBuild]) {
    const name = imageOf(project, service);
    const image = await inspectImage(scope.client, name);
    if (image) ids.set(name, image.Id);
  }
  return ids;
}

/** Pulls the images of services, each image once. */
export async function pullServices(
  scope: Scope,
  project: Project,
  services: readonly Service[],
  options: { readonly quiet: boolean; readonly ignoreFailures: boolean },
): Promise<void> {
  const byImage = new Map(services.map((service) => [imageOf(project, service), service]));
  const failures: string[] = [];
  const { pullImage } = await import("../image/pull.ts");
  const pulls = [...byImage].map(([image, service]) => async (): Promise<void> => {
    if (!options.quiet) scope.display.tell(service.name, "Pulling", "working");
    try {
      if (!scope.dryRun) {
        const platform = service.platform ?? process.env.DOCKER_DEFAULT_PLATFORM ?? "";
        await pullImage(scope.cli, image, { platform, quiet: true, output: silent });
      }
      if (!options.quiet) scope.display.tell(service.name, "Pulled", "done");
    } catch (error) {
      scope.display.tell(
        service.name,
        options.ignoreFailures ? "Warning" : "Error",
        options.ignoreFailures ? "warning" : "failed",
      );
      if (options.ignoreFailures) scope.warn(messageOf(error));
      else failures.push(messageOf(error));
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
}

/** Runs `works`, so many side by side; -1 for all. */
export async function atMost(parallel: number, works: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = [...works];
  const places = parallel > 0 ? Math.min(parallel, queue.length) : queue.length;
  const worker = async (): Promise<void> => {
    for (let work = queue.shift(); work; work = queue.shift()) await work();
  };
  await Promise.all(Array.from({ length: places }, worker));
}
