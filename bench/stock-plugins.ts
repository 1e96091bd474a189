/** The stock `docker` client with its plugins, which it finds in its configuration. */
import { mkdirSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "./engines.ts";

/** `plugins` by name (`buildx`, `compose`) to the file; the configuration stays with the run's temporary files. */
export function withPlugins(engine: Engine, plugins: Readonly<Record<string, string>>): Engine {
  const config = mkdtempSync(join(tmpdir(), "dhow-bench-docker-"));
  mkdirSync(join(config, "cli-plugins"));
  for (const [name, file] of Object.entries(plugins)) symlinkSync(file, join(config, "cli-plugins", `docker-${name}`));
  return { ...engine, env: { ...engine.env, DOCKER_CONFIG: config } };
}
