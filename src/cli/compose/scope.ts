/** One run of `compose`: its flags, the engine, and how the project is found. */
import { resolve } from "node:path";
import type { Client } from "../../client/client.ts";
import { execute } from "../../compose/execute/execute.ts";
import { type PerformContext, Performer } from "../../compose/execute/perform.ts";
import { projectFromContainers } from "../../compose/from-containers.ts";
import { configHashes } from "../../compose/hashes.ts";
import { loadProject } from "../../compose/load.ts";
import type { LoadOptions } from "../../compose/load-options.ts";
import type { Project } from "../../compose/model/project.ts";
import { type Observed, observe } from "../../compose/observe.ts";
import type { Plan } from "../../compose/plan/operation.ts";
import { isKind } from "../../lib/errors.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { dryRun } from "./dry-run.ts";
import { type ComposeFlags, initialFlags } from "./globals.ts";
import { type Display, openDisplay } from "./progress-display.ts";
import { remoteFetcher } from "./remote/fetch.ts";

export interface ProjectOptions {
  /** Services that count, with what they depend on; empty for all. */
  readonly services?: readonly string[];
  readonly withoutDependencies?: boolean;
  /** Profiles beside those of the flags. */
  readonly profiles?: readonly string[];
}

export class Scope {
  readonly cli: Cli;
  readonly flags: ComposeFlags;
  readonly client: Client;
  readonly display: Display;
  readonly dryRun: boolean;
  /** Whether anything odd was told. */
  hasWarned = false;

  private constructor(cli: Cli, flags: ComposeFlags, client: Client, display: Display, dry: boolean) {
    this.cli = cli;
    this.flags = flags;
    this.client = client;
    this.display = display;
    this.dryRun = dry;
  }

  /** With `quiet` no progress is shown. */
  static async open(
    cli: Cli,
    input: { readonly flags: { readonly "dry-run"?: boolean } },
    quiet = false,
  ): Promise<Scope> {
    const given = cli.compose ?? initialFlags();
    const flags = quiet ? { ...given, progress: "quiet" } : given;
    const dry = flags["dry-run"] || input.flags["dry-run"] === true;
    const scope = new Scope(cli, flags, await cli.client(), openDisplay(cli, flags, dry), dry);
    if (flags.compatibility)
      scope.warn("--compatibility is not supported and is ignored: names are joined with hyphens");
    return scope;
  }

  /** Reads the files; throws when there are none. */
  project(options: ProjectOptions = {}): Promise<Project> {
    return loadProject(this.loadOptions(options));
  }

  /** What the flags say about the files. */
  loadOptions(options: ProjectOptions = {}): LoadOptions {
    return {
      ...loadOptions(this.flags, options),
      fetchRemote: remoteFetcher(this.cli, this.flags["insecure-registry"]),
      readStdin: () => new Response(Bun.stdin.stream()).text(),
      warn: (message) => this.warn(message),
    };
  }

  /** The project of the files, or where there are none the one that `--project-name` names, as its containers tell it. */
  async found(options: ProjectOptions = {}): Promise<{ project: Project; observed: Observed; fromFiles: boolean }> {
    const name = this.flags["project-name"] || process.env.COMPOSE_PROJECT_NAME || "";
    try {
      const project = await this.project(options);
      return { project, observed: await observe(this.client, project.name), fromFiles: true };
    } catch (error) {
      if (
        name === "" ||
        this.flags.file.length > 0 ||
        !isKind(error, "notFound") ||
        !/configuration file/.test(error.message)
      )
        throw error;
    }
    const observed = await observe(this.client, name);
    const project = projectFromContainers(name, observed);
    for (const service of options.services ?? []) {
      if (!project.services[service]) throw new ExitError(1, `no such service: ${service}`);
    }
    return { project, observed, fromFiles: false };
  }

  /** What the plan's operations need. */
  performContext(
    project: Project,
    observed: Observed,
    images: ReadonlyMap<string, string> = new Map(),
  ): PerformContext {
    const envFiles = this.flags["env-file"].map((path) => resolve(path));
    return {
      client: this.client,
      project,
      observed,
      images,
      hashes: configHashes,
      progress: this.display,
      ...(envFiles.length > 0 && { envFiles }),
    };
  }

  /** Carries the plan out, or with --dry-run tells it; answers who performed it, which knows the new containers. */
  async run(plan: Plan, context: PerformContext): Promise<Performer> {
    const performer = new Performer(context);
    try {
      if (this.dryRun) dryRun(plan, this.display);
      else {
        await execute(plan, {
          parallel: this.parallel,
          progress: this.display,
          ...(context.signal && { signal: context.signal }),
          perform: (operation) => performer.perform(operation),
        });
      }
    } finally {
      await this.display.end();
    }
    return performer;
  }

  get parallel(): number {
    const limit = Number(process.env.COMPOSE_PARALLEL_LIMIT ?? 0);
    return this.cli.composeChanged.has("parallel") || limit === 0 ? this.flags.parallel : limit;
  }

  warn(message: string): void {
    this.hasWarned = true;
    this.display.warn(message);
  }

  /** A line on standard output, at once. */
  tell(text: string): void {
    this.display.print(this.cli.stdout, `${text}\n`);
  }
}

/** What flags and environment say about the files. */
export function loadOptions(
  flags: ComposeFlags = initialFlags(),
  options: ProjectOptions = {},
): Omit<LoadOptions, "readStdin" | "warn"> {
  const named = options.services ?? [];
  return {
    cwd: process.cwd(),
    env: process.env,
    files: flags.file,
    ...(flags["project-name"] && { projectName: flags["project-name"] }),
    ...(flags["project-directory"] && { projectDirectory: flags["project-directory"] }),
    ...(flags.profile.length + (options.profiles?.length ?? 0) > 0 && {
      profiles: [...flags.profile, ...(options.profiles ?? [])],
    }),
    ...(flags["env-file"].length > 0 && { envFiles: flags["env-file"] }),
    ...(named.length > 0 && { services: named }),
    allResources: flags["all-resources"],
    ...(options.withoutDependencies && { withoutDependencies: true }),
  };
}
