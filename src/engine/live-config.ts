import type { EngineConfig } from "./config.ts";

/** What a running engine takes from a configuration that is read again: dockerd's list, and gc. The rest waits for the next start. */
const reloadable = [
  "debug",
  "defaultRuntime",
  "gc",
  "labels",
  "maxConcurrentDownloads",
  "maxConcurrentUploads",
  "maxDownloadAttempts",
  "registry",
  "runtimes",
  "shmSize",
  "shutdownTimeout",
] as const satisfies readonly (keyof EngineConfig)[];

/** How a configuration that was read again differs from the one in use. */
export interface ConfigChanges {
  readonly taken: readonly string[];
  /** Options that only a start reads. */
  readonly waiting: readonly string[];
}

/** The engine's configuration as it is now. */
export class LiveConfig {
  readonly #values: EngineConfig;

  constructor(initial: EngineConfig) {
    this.#values = { ...initial };
  }

  /** One object for the engine's whole life; its services read it at each use, for a reload changes its values. */
  get current(): EngineConfig {
    return this.#values;
  }

  changes(next: EngineConfig): ConfigChanges {
    const differ = (Object.keys(next) as (keyof EngineConfig)[]).filter(
      (key) => !Bun.deepEquals(next[key], this.#values[key]),
    );
    const isTaken = (key: keyof EngineConfig): boolean => reloadable.some((one) => one === key);
    return { taken: differ.filter(isTaken), waiting: differ.filter((key) => !isTaken(key)) };
  }

  take(next: EngineConfig): void {
    Object.assign(this.#values, Object.fromEntries(reloadable.map((key) => [key, next[key]])));
  }
}

/** The attributes of dockerd's `reload` event. */
export function reloadAttributes(
  config: EngineConfig,
  host: { readonly defaultRuntime: string; readonly cgroupnsMode: string; readonly name: string },
): Record<string, string> {
  const runtimes = Object.entries(config.runtimes).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    debug: String(config.debug),
    "default-cgroupns-mode": host.cgroupnsMode,
    "default-ipc-mode": "private",
    "default-runtime": host.defaultRuntime,
    "default-shm-size": String(config.shmSize),
    features: "map[]",
    "insecure-registries": JSON.stringify(config.registry.insecure),
    labels: JSON.stringify(config.labels),
    "live-restore": "true",
    "max-concurrent-downloads": String(config.maxConcurrentDownloads),
    "max-concurrent-uploads": String(config.maxConcurrentUploads),
    "max-download-attempts": String(config.maxDownloadAttempts),
    name: host.name,
    "registry-mirrors": JSON.stringify(config.registry.mirrors),
    runtimes: runtimes.map(([name, path]) => `${name}:${path}`).join(" "),
    "shutdown-timeout": String(config.shutdownTimeout),
  };
}
