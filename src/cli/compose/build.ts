/** Building the images of services, each after those whose images it builds on. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageOf } from "../../compose/create/container-body.ts";
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import { messageOf } from "../../lib/errors.ts";
import { parseFlags } from "../../lib/flags.ts";
import { buildFlags } from "../build/flags.ts";
import { ExitError } from "../command.ts";
import { command as buildCommand } from "../commands/image/build.ts";
import { type BuildOptions, basesOf, buildWords } from "./build-words.ts";
import { progressKind } from "./progress-display.ts";
import type { Scope } from "./scope.ts";

export type { BuildOptions };

/** Builds one after the other, so that what is told of one is not mixed with the next; throws for the first that fails. */
export async function buildServices(
  scope: Scope,
  project: Project,
  services: readonly Service[],
  options: BuildOptions,
): Promise<void> {
  for (const service of inBuildOrder(services)) await buildService(scope, project, service, options);
  await scope.display.end();
}

/** Bases first. Throws for services whose images build on each other. */
export function inBuildOrder(services: readonly Service[]): Service[] {
  const ordered = new Set<Service>();
  const visit = (service: Service, trail: readonly string[]): void => {
    if (ordered.has(service)) return;
    if (trail.includes(service.name))
      throw new ExitError(1, `dependency cycle detected: ${[...trail, service.name].join(" -> ")}`);
    for (const base of basesOf(service)) {
      const other = services.find(({ name }) => name === base);
      if (other) visit(other, [...trail, service.name]);
    }
    ordered.add(service);
  };
  for (const service of services) visit(service, []);
  return [...ordered];
}

async function buildService(scope: Scope, project: Project, service: Service, options: BuildOptions): Promise<void> {
  if (!service.build) return;
  const { display, dryRun } = scope;
  const image = imageOf(project, service);
  // A live table and the builder's own picture would draw over each other.
  await display.end();
  if (!options.quiet && dryRun) display.tell(service.name, "Building", "working");
  if (!dryRun) {
    const code = await send(scope, project, service, options).catch((error: unknown) => {
      throw new ExitError(
        error instanceof ExitError ? error.code : 1,
        `failed to build ${service.name}: ${messageOf(error)}`,
      );
    });
    if (code !== 0) throw new ExitError(code, `failed to build ${service.name}`);
  }
  if (!options.quiet) display.tell(image, "Built", "done");
}

async function send(
  { cli, flags: composeFlags }: Scope,
  project: Project,
  service: Service,
  options: BuildOptions,
): Promise<number> {
  const { build = {} } = service;
  const directory = build.dockerfile_inline === undefined ? null : await mkdtemp(join(tmpdir(), "dhow-compose-"));
  try {
    const file = directory === null ? null : join(directory, "Dockerfile");
    if (file) await writeFile(file, build.dockerfile_inline ?? "");
    const kind = progressKind(composeFlags);
    const plain = kind === "plain" || composeFlags.ansi === "never";
    const shown = kind === "json" ? "rawjson" : plain ? "plain" : "auto";
    const progress = options.quiet || kind === "quiet" ? "quiet" : shown;
    const words = [...buildWords(project, service, build, options, file), `--progress=${progress}`];
    const { flags, changed } = parseFlags(buildFlags, words);
    return await buildCommand.run(cli, { flags, changed, args: [build.context ?? project.workingDir] });
  } finally {
    if (directory) await rm(directory, { recursive: true, force: true });
  }
}
