/** Building the images of services, each after those whose images it builds on. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { BuildResult } from "../../api/build.ts";
import type { ProgressMessage } from "../../api/images.ts";
import { paths } from "../../api/paths.ts";
import { to } from "../../client/route-call.ts";
import { imageOf } from "../../compose/create/container-body.ts";
import { labels } from "../../compose/labels.ts";
import type { Build } from "../../compose/model/build.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import { messageOf } from "../../lib/errors.ts";
import { directoryContext, isRemote } from "../build/tar-context.ts";
import { ExitError } from "../command.ts";
import { registryConfigHeader } from "../image/auth.ts";
import { showProgress } from "../image/progress.ts";
import { silent } from "../output.ts";
import type { Scope } from "./scope.ts";

export interface BuildOptions {
  readonly quiet?: boolean;
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly memory?: number;
  /** Over those of the file. */
  readonly args?: Readonly<Record<string, string>>;
}

/** Builds them; throws with the service's name for the first that fails. */
export async function buildServices(
  scope: Scope,
  project: Project,
  services: readonly Service[],
  options: BuildOptions,
): Promise<void> {
  const waiting = new Map(services.map((service) => [service.name, service]));
  const done = new Map<string, Promise<void>>();
  const buildOne = (service: Service): Promise<void> => {
    const known = done.get(service.name);
    if (known) return known;
    const work = (async () => {
      const before = basesOf(service).map((name) => waiting.get(name));
      await Promise.all(before.flatMap((base) => (base ? [buildOne(base)] : [])));
      await buildService(scope, project, service, options);
    })();
    done.set(service.name, work);
    return work;
  };
  const ends = await Promise.allSettled([...waiting.values()].map(buildOne));
  await scope.display.end();
  const failed = ends.find((end) => end.status === "rejected");
  if (failed) throw failed.reason;
}

/** The services whose images this one's build takes from. */
const basesOf = ({ build }: Service): string[] =>
  Object.values(build?.additional_contexts ?? {}).flatMap((context) => /^service:(.+)$/.exec(context)?.[1] ?? []);

async function buildService(scope: Scope, project: Project, service: Service, options: BuildOptions): Promise<void> {
  const { build } = service;
  if (!build) return;
  const { display, cli } = scope;
  const image = imageOf(project, service);
  if (!options.quiet) display.tell(service.name, "Building", "working");
  if (!scope.dryRun) {
    refuseUnbuilt(service.name, build);
    try {
      await send(scope, project, service, build, options);
    } catch (error) {
      display.tell(service.name, "Error", "failed");
      throw new ExitError(
        error instanceof ExitError ? error.code : 1,
        `failed to build ${service.name}: ${messageOf(error)}`,
      );
    }
  }
  if (!options.quiet) display.tell(image, "Built", "done");
  await cli.stderr.flush();
}

async function send(
  scope: Scope,
  project: Project,
  service: Service,
  build: Build,
  options: BuildOptions,
): Promise<void> {
  const { cli, client } = scope;
  const directory = build.dockerfile_inline === undefined ? null : await mkdtemp(join(tmpdir(), "dhow-compose-"));
  try {
    const file = directory ? join(directory, "Dockerfile") : dockerfilePath(build);
    if (directory) await writeFile(file, build.dockerfile_inline ?? "");
    const { tar, dockerfile } = await directoryContext(build.context ?? project.workingDir, file);
    const messages = client.jsonStream<ProgressMessage>(
      to(paths.imageBuild, {}, buildQuery(project, service, build, dockerfile, options)),
      { headers: { "Content-Type": "application/x-tar", ...(await registryConfigHeader(cli)) }, body: tar },
    );
    await showProgress(messages, options.quiet ? silent : cli.stderr, false, (value) => void (value as BuildResult).ID);
  } finally {
    if (directory) await rm(directory, { recursive: true, force: true });
  }
}

function dockerfilePath({ context = "", dockerfile = "Dockerfile" }: Build): string {
  return isAbsolute(dockerfile) ? dockerfile : join(context, dockerfile);
}

function buildQuery(project: Project, service: Service, build: Build, dockerfile: string, options: BuildOptions) {
  const ulimits = Object.entries(build.ulimits ?? {}).map(([Name, { single, soft, hard }]) => ({
    Name,
    Soft: single ?? soft ?? 0,
    Hard: single ?? hard ?? 0,
  }));
  const args = Object.entries({ ...build.args, ...options.args }).filter(([, value]) => value !== null);
  return {
    dockerfile,
    t: [imageOf(project, service), ...(build.tags ?? [])],
    extrahosts: Object.entries(build.extra_hosts ?? {})
      .flatMap(([host, addresses]) => addresses.map((address) => `${host}:${address}`))
      .join(","),
    nocache: options.noCache || build.no_cache || false,
    pull: options.pull || build.pull || false,
    memory: options.memory,
    shmsize: build.shm_size,
    buildargs: JSON.stringify(Object.fromEntries(args)),
    labels: JSON.stringify({
      ...build.labels,
      [labels.project]: project.name,
      [labels.service]: service.name,
    }),
    ulimits: ulimits.length > 0 ? JSON.stringify(ulimits) : "",
    networkmode: build.network ?? "",
    platform: service.platform ?? build.platforms?.[0] ?? process.env.DOCKER_DEFAULT_PLATFORM ?? "",
    target: build.target ?? "",
    cachefrom: build.cache_from?.length ? JSON.stringify(build.cache_from) : "",
  };
}

/** What POST /build cannot carry: refused by name, so that nobody takes the image for what it is not. */
function refuseUnbuilt(service: string, build: Build): void {
  const { context = "", secrets, ssh, additional_contexts, cache_to, platforms = [], entitlements, privileged } = build;
  const refused: [boolean, string][] = [
    [isRemote(context), "a remote context"],
    [Boolean(secrets?.length), "secrets"],
    [Boolean(ssh?.length), "ssh"],
    [Object.keys(additional_contexts ?? {}).length > 0, "additional_contexts"],
    [Boolean(cache_to?.length), "cache_to"],
    [platforms.length > 1, "more than one of platforms"],
    [Boolean(entitlements?.length), "entitlements"],
    [privileged === true, "privileged"],
  ];
  const [found] = refused.filter(([asked]) => asked);
  if (found) throw new ExitError(1, `services.${service}.build: ${found[1]} is not supported by this builder yet`);
}
