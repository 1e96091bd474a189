/** Asks the plugin `docker-model` for the models that services use, as Docker's Compose does. */
import type { Project } from "../../compose/model/project.ts";
import type { Model } from "../../compose/model/resources.ts";
import { availableModels, configureWords, modelEndpoint, withModelVariables } from "../../compose/models.ts";
import { ExitError } from "../command.ts";
import { pluginPath } from "../plugins.ts";
import { linesOf, outputOf } from "./programs.ts";
import type { Scope } from "./scope.ts";

/** Brings the models here and sets them up; answers the project whose services know them. */
export async function bringModelsUp(scope: Scope, project: Project, quietPull: boolean): Promise<Project> {
  const models = Object.entries(project.models).map(([name, model]) => ({ name: model.name || name, model }));
  if (models.length === 0) return project;
  const path = await pluginPath(scope.cli, "model");
  if (path === null) throw new ExitError(1, "'models' support requires Docker Model plugin");
  const plugin = new ModelPlugin(scope, path, { ...process.env, ...project.environment });
  if (scope.dryRun) {
    for (const { name } of models) scope.display.tell(name, "Configured", "done");
    return withModelVariables(project, "");
  }
  const here = availableModels(await plugin.ask("ls", "available models"));
  const endpoint = modelEndpoint(await plugin.ask("status", "docker-model status"));
  try {
    await Promise.all(
      models.map(async ({ name, model }) => {
        if (!here.has(model.model ?? "")) await plugin.pull(name, model, quietPull);
        await plugin.configure(name, model);
      }),
    );
  } catch (error) {
    await scope.display.end();
    throw error;
  }
  return withModelVariables(project, endpoint);
}

class ModelPlugin {
  readonly #scope: Scope;
  readonly #path: string;
  readonly #env: Record<string, string | undefined>;

  constructor(scope: Scope, path: string, env: Record<string, string | undefined>) {
    this.#scope = scope;
    this.#path = path;
    this.#env = env;
  }

  async ask(command: string, what: string): Promise<string> {
    const text = await outputOf([this.#path, command, "--json"], this.#env);
    if (text === null) throw new ExitError(1, `error checking ${what}: ${this.#path} ${command} --json failed`);
    return text;
  }

  async pull(name: string, { model = "" }: Model, quiet: boolean): Promise<void> {
    const { display } = this.#scope;
    display.tell(name, "Pulling", "working");
    await this.#run(name, ["pull", model], (line) => {
      if (!quiet) display.tell(name, `Pulling ${line.replace(/.*\r(?!$)/s, "")}`, "working");
    });
    display.tell(name, "Pulled", "working");
  }

  async configure(name: string, model: Model): Promise<void> {
    this.#scope.display.tell(name, "Configuring", "working");
    await this.#run(name, configureWords(model), () => {});
    this.#scope.display.tell(name, "Configured", "done");
  }

  async #run(name: string, words: readonly string[], tell: (line: string) => void): Promise<void> {
    const child = Bun.spawn([this.#path, ...words], {
      env: this.#env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const complaint = new Response(child.stderr).text();
    for await (const line of linesOf(child.stdout)) tell(line);
    if ((await child.exited) === 0) return;
    this.#scope.display.tell(name, "Error", "failed");
    const why = (await complaint).trim() || `exit status ${child.exitCode ?? child.signalCode}`;
    throw new ExitError(1, `failed to ${words[0]} model ${name}: ${why}`);
  }
}
