/** Runs the programs that provide services. */
import type { Project } from "../../compose/model/project.ts";
import type { Service } from "../../compose/model/service.ts";
import {
  type ProviderCommand,
  parseProviderMessage,
  parseProviderMetadata,
  providedServices,
  providerArguments,
  withVariables,
} from "../../compose/provider.ts";
import { ExitError } from "../command.ts";
import { pluginPath } from "../plugins.ts";
import { linesOf, outputOf } from "./programs.ts";
import type { Scope } from "./scope.ts";

/** Brings what others provide up, before any container; answers the project with the variables that they set. */
export async function bringProvidersUp(scope: Scope, project: Project): Promise<Project> {
  let known = project;
  for (const { name } of providedServices(project)) {
    const service = known.services[name];
    if (service) known = withVariables(known, name, await runProvider(scope, known, service, "up"));
  }
  return known;
}

/** Takes the provided ones of the services down, dependents first; of all services when none is named. */
export async function takeProvidersDown(scope: Scope, project: Project, services: readonly string[]): Promise<void> {
  for (const service of providedServices(project).reverse()) {
    if (services.length === 0 || services.includes(service.name)) await runProvider(scope, project, service, "down");
  }
}

const words = { up: ["Creating", "Created", "create"], down: ["Removing", "Removed", "remove"] } as const;

/** Answers the variables that it set. */
async function runProvider(
  scope: Scope,
  project: Project,
  service: Service,
  command: ProviderCommand,
): Promise<Map<string, string>> {
  const { name } = service;
  const [begins, ends, verb] = words[command];
  const path = await findProvider(scope, service.provider?.type ?? "");
  const env = { ...process.env, ...project.environment };
  const metadata = parseProviderMetadata((await outputOf([path, "compose", "metadata"], env)) ?? "");
  const argv = [path, ...providerArguments(project, service, command, metadata)];
  const variables = new Map<string, string>();
  scope.display.tell(name, begins, "working");
  if (!scope.dryRun) {
    const child = Bun.spawn(argv, { env, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    try {
      for await (const line of linesOf(child.stdout)) {
        const told = parseProviderMessage(line);
        if (told.type === "setenv") variables.set(told.name, told.value);
        if (told.type === "info") scope.display.tell(name, told.message.split("\n")[0] ?? "", "working");
        if (told.type === "error") throw new ExitError(1, told.message);
      }
    } catch (error) {
      child.kill();
      scope.display.tell(name, "Error", "failed");
      await scope.display.end();
      throw error;
    } finally {
      await endOf(child);
    }
    if (child.exitCode !== 0) {
      scope.display.tell(name, "Error", "failed");
      await scope.display.end();
      throw new ExitError(1, `failed to ${verb} service provider: exit status ${child.exitCode ?? child.signalCode}`);
    }
  }
  scope.display.tell(name, ends, "done");
  return variables;
}

/** How long a provider may take to end once its output has (ms). */
const endPatienceMs = 10_000;

async function endOf(child: Bun.Subprocess): Promise<void> {
  const late = setTimeout(() => child.kill("SIGKILL"), endPatienceMs);
  await child.exited;
  clearTimeout(late);
}

/** A plugin of Docker's client by that name, or else a program. */
async function findProvider(scope: Scope, type: string): Promise<string> {
  if (type === "compose") throw new ExitError(1, "'compose' is not a valid provider type");
  const path = (await pluginPath(scope.cli, type)) ?? (type.includes("/") ? null : Bun.which(type));
  if (path) return path;
  throw new ExitError(1, `exec: ${JSON.stringify(type)}: executable file not found in $PATH`);
}
