/** The projects of `test/projects`, brought up by one Compose or another against a test daemon. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CommandResult, run, until } from "./command.ts";
import { dhowBinary, type TestDaemon } from "./daemon.ts";

/** Whose Compose: ours, the plugin of today (`DHOW_TEST_COMPOSE`), or Debian's docker-compose 1.29. */
export type Tool = "dhow" | "plugin" | "1.29";

const plugins = { compose: process.env.DHOW_TEST_COMPOSE, buildx: process.env.DHOW_TEST_BUILDX };

/** The tools of this machine; ours is always one of them. */
export const tools: readonly Tool[] = [
  "dhow",
  ...(plugins.compose && plugins.buildx ? (["plugin"] as const) : []),
  ...(Bun.which("docker-compose") ? (["1.29"] as const) : []),
];

export interface Container {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Status: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** A copy of one of the projects, which a test may change; gone with the test, and its containers with it. */
export class Application implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "dhow-app-"));
  readonly name: string;
  readonly #daemon: TestDaemon;
  readonly #config = mkdtempSync(join(tmpdir(), "dhow-app-config-"));
  /** Milliseconds by what was done. */
  readonly times: [what: string, ms: number][] = [];

  constructor(daemon: TestDaemon, name: string) {
    this.name = name;
    this.#daemon = daemon;
    cpSync(fileURLToPath(new URL(`../projects/${name}`, import.meta.url)), this.directory, { recursive: true });
    mkdirSync(join(this.#config, "cli-plugins"));
    for (const [plugin, path] of Object.entries(plugins))
      if (path) symlinkSync(path, join(this.#config, "cli-plugins", `docker-${plugin}`));
  }

  command(tool: Tool): string[] {
    const binary = { dhow: [dhowBinary, "compose"], plugin: ["docker", "compose"], "1.29": ["docker-compose"] }[tool];
    return [...binary, "-f", join(this.directory, "compose.yaml"), "-p", this.name];
  }

  get env(): Record<string, string> {
    return {
      DOCKER_HOST: `unix://${this.#daemon.socket}`,
      DOCKER_CONFIG: this.#config,
      DHOW_AUTOSTART: "0",
      COMPOSE_ANSI: "never",
      COMPOSE_PROGRESS: "plain",
    };
  }

  tried(tool: Tool, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    return run([...this.command(tool), ...args], { env: { ...this.env, ...env }, timeoutMs: 900_000 });
  }

  /** Runs a command, which must succeed; its standard output, and how long it took among the times. */
  async compose(tool: Tool, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const from = performance.now();
    const { code, stdout, stderr } = await this.tried(tool, args, env);
    this.times.push([`${tool}: ${args.join(" ")}`, performance.now() - from]);
    if (code === 0) return stdout;
    const words = `${tool} ${args.join(" ")} -> ${code}\n${stdout.slice(-2000)}\n${stderr.slice(-6000)}`;
    throw new Error(`${words}\n${this.#daemon.lastLogged()}`);
  }

  /** The project's containers, in the order of their names. */
  async containers(): Promise<Container[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${this.name}`] }));
    const { body } = await this.#daemon.api<Container[]>("GET", `/containers/json?all=1&filters=${filters}`);
    return body.sort((a, b) => ((a.Names[0] ?? "") < (b.Names[0] ?? "") ? -1 : 1));
  }

  /** The ids of those that run, by service. */
  async running(): Promise<Record<string, string[]>> {
    const rows = (await this.containers()).filter(({ State }) => State === "running");
    const services = Object.entries(Object.groupBy(rows, ({ Labels }) => Labels["com.docker.compose.service"] ?? ""));
    return Object.fromEntries(services.map(([service, found = []]) => [service, found.map(({ Id }) => Id)]));
  }

  /** Where a service's port is published, as a URL. */
  async address(service: string, port: number): Promise<string> {
    const { stdout } = await this.tried("dhow", ["port", service, String(port)]);
    if (stdout === "") throw new Error(`port ${port} of ${service} is not published`);
    return `http://${stdout.trim()}`;
  }

  /** What a page answers, once it does. */
  async page<T>(url: string, init: RequestInit = {}): Promise<T> {
    return until(
      url,
      async () => {
        const answer = await fetch(url, init).catch(() => null);
        return answer?.ok ? ((await answer.json()) as T) : null;
      },
      30_000,
    );
  }

  /** The times, a line for each. */
  report(): string {
    const lines = this.times.map(([what, ms]) => `  ${(ms / 1000).toFixed(2).padStart(8)} s  ${what}\n`);
    return `${this.name}\n${lines.join("")}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tried("dhow", ["down", "-v", "-t", "0", "--remove-orphans", "--rmi", "local"]);
    for (const path of [this.directory, this.#config]) rmSync(path, { recursive: true, force: true });
  }
}
