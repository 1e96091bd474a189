/**
 * Volumes of plugins: the `VolumeDriver` protocol (https://docs.docker.com/engine/extend/plugins_volume/). A plugin's
 * answers are checked here; what is wrong with one is that plugin's error and nobody else's.
 */
import { DhowError, kindOf, messageOf, systemError } from "../lib/errors.ts";
import { type CallLimits, PluginSilent } from "../plugins/plugin.ts";
import type { Plugin, Plugins } from "../plugins/plugins.ts";
import { requireSource } from "./bind-source.ts";
import { unknownTime, type VolumeRecord } from "./record.ts";

/** What a plugin says of one of its volumes. */
export interface RemoteVolume {
  readonly name: string;
  /** Empty while it is not mounted, if the plugin likes. */
  readonly mountpoint: string;
  /** RFC 3339; null when the plugin does not say. */
  readonly createdAt: string | null;
  readonly status: Record<string, unknown> | null;
}

/** Time limits of dockerd: what may have to make or move something, and what only looks. */
const long = { timeoutMs: 120_000, retry: true } as const;
const short = { timeoutMs: 60_000, retry: true } as const;
/** Of a question about all plugins at once, and of one whose answer the record stands in for. */
const listing = { timeoutMs: 2_000, retry: false } as const;

export class RemoteVolumes {
  readonly #plugins: Plugins;
  readonly #log: (message: string) => void;
  /** Plugin -> its scope, once it has said so. */
  readonly #scopes = new Map<string, "local" | "global">();

  constructor(plugins: Plugins, log: (message: string) => void) {
    this.#plugins = plugins;
    this.#log = log;
  }

  /** Throws, of the create of `name`, when there is no such plugin, or it makes no volumes. */
  async check(driver: string, name: string): Promise<void> {
    try {
      const plugin = await this.#plugins.get(driver, "VolumeDriver");
      if (!this.#scopes.has(driver)) this.#scopes.set(driver, await this.#askScope(plugin));
    } catch (error) {
      throw reworded(error, `create ${name}: error looking up volume plugin ${driver}`);
    }
  }

  scopeOf(driver: string): "local" | "global" {
    return this.#scopes.get(driver) ?? "local";
  }

  /** A plugin that does not know the question keeps its volumes on this host. */
  async #askScope(plugin: Plugin): Promise<"local" | "global"> {
    try {
      const { Capabilities } = await plugin.call("VolumeDriver.Capabilities", {}, short);
      const scope = String((Capabilities as { Scope?: unknown } | null | undefined)?.Scope ?? "").toLowerCase();
      if (scope === "global" || scope === "local") return scope;
      this.#log(`volume driver ${plugin.name} returned an invalid scope: ${JSON.stringify(scope.slice(0, 60))}`);
    } catch (error) {
      this.#log(`volume driver ${plugin.name} does not tell its capabilities: ${(error as Error).message}`);
    }
    return "local";
  }

  async create(driver: string, name: string, opts: Readonly<Record<string, string>> | null): Promise<void> {
    await this.#call(driver, "VolumeDriver.Create", { Name: name, Opts: opts }, long);
  }

  async remove(driver: string, name: string): Promise<void> {
    await this.#call(driver, "VolumeDriver.Remove", { Name: name }, long);
  }

  /** The place of the host where the volume is mounted now, for the user that `id` stands for. */
  async mount(driver: string, name: string, id: string): Promise<string> {
    const { Mountpoint } = await this.#call(driver, "VolumeDriver.Mount", { Name: name, ID: id }, long);
    try {
      const place = checkMountpoint(driver, Mountpoint);
      await requireSource(place);
      return place;
    } catch (error) {
      // It holds something for this user, wherever that is.
      await this.unmount(driver, name, id).catch(() => {});
      throw error;
    }
  }

  async unmount(driver: string, name: string, id: string): Promise<void> {
    await this.#call(driver, "VolumeDriver.Unmount", { Name: name, ID: id }, long);
  }

  /**
   * What the plugin knows of the volume; null when it answers that it knows none, which the protocol does not tell from
   * any other refusal. Throws when the plugin cannot be asked; with `patient` only after trying for a while.
   */
  async get(driver: string, name: string, { patient }: { patient: boolean }): Promise<RemoteVolume | null> {
    const plugin = await this.#plugins.get(driver, "VolumeDriver", { retry: patient }).catch((error: unknown) => {
      throw systemError(`get ${name}: error looking up volume plugin ${driver}: ${(error as Error).message}`);
    });
    let reply: Readonly<Record<string, unknown>>;
    try {
      reply = await plugin.call("VolumeDriver.Get", { Name: name }, patient ? short : listing);
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof PluginSilent)) return null;
      throw systemError(
        `get ${name}: error while checking if volume ${JSON.stringify(name)} exists in driver ${JSON.stringify(driver)}: ${error.message}`,
        { cause: error },
      );
    }
    const volume = parseVolume(reply.Volume);
    return volume?.name === name ? volume : null;
  }

  /** All volumes of all plugins that answer in time, and what to tell of those that do not. */
  async list(): Promise<{ volumes: Map<string, readonly RemoteVolume[]>; warnings: string[] }> {
    const volumes = new Map<string, readonly RemoteVolume[]>();
    const warnings: string[] = [];
    const plugins = await this.#plugins.all("VolumeDriver", listing.timeoutMs);
    await Promise.all(
      plugins.map(async (plugin) => {
        try {
          const { Volumes } = await plugin.call("VolumeDriver.List", {}, listing);
          const list = Array.isArray(Volumes) ? Volumes : [];
          volumes.set(
            plugin.name,
            list.map(parseVolume).filter((volume) => volume !== null),
          );
        } catch (error) {
          warnings.push(`volume driver ${plugin.name} does not list its volumes: ${(error as Error).message}`);
        }
      }),
    );
    return { volumes, warnings };
  }

  /** The plugin that has a volume of this name which nobody here has heard of; null when none has. */
  async find(name: string): Promise<{ driver: string; volume: RemoteVolume } | null> {
    for (const { name: driver } of await this.#plugins.all("VolumeDriver", listing.timeoutMs)) {
      const volume = await this.get(driver, name, { patient: false }).catch(() => null);
      if (volume) return { driver, volume };
    }
    return null;
  }

  async drivers(): Promise<string[]> {
    return (await this.#plugins.all("VolumeDriver", listing.timeoutMs)).map(({ name }) => name);
  }

  async #call(driver: string, method: string, body: unknown, limits: CallLimits) {
    return (await this.#plugins.get(driver, "VolumeDriver")).call(method, body, limits);
  }
}

/** All volumes by name: the recorded ones, and those that a plugin has and nobody here has asked for yet. */
export function withRemote(
  records: ReadonlyMap<string, VolumeRecord>,
  remote: ReadonlyMap<string, readonly RemoteVolume[]>,
): Map<string, { readonly record: VolumeRecord; readonly remote?: RemoteVolume }> {
  const all = new Map<string, { record: VolumeRecord; remote?: RemoteVolume }>();
  for (const [name, record] of records) all.set(name, { record });
  for (const [driver, volumes] of remote) {
    for (const volume of volumes) {
      const { name } = volume;
      const known = all.get(name)?.record;
      // A name is one volume's: what another driver calls so, too, cannot be reached.
      if (known && known.driver !== driver) continue;
      const record = known ?? { name, driver, labels: null, options: null, createdAt: unknownTime };
      all.set(name, { record, remote: volume });
    }
  }
  return all;
}

function parseVolume(value: unknown): RemoteVolume | null {
  if (typeof value !== "object" || value === null) return null;
  const { Name, Mountpoint, CreatedAt, Status } = value as Readonly<Record<string, unknown>>;
  if (typeof Name !== "string" || Name === "" || Name.length > 255) return null;
  const isTime = typeof CreatedAt === "string" && !Number.isNaN(Date.parse(CreatedAt));
  return {
    name: Name,
    mountpoint: typeof Mountpoint === "string" ? Mountpoint.slice(0, 4096) : "",
    createdAt: isTime ? CreatedAt : null,
    status: typeof Status === "object" && Status !== null ? (Status as Record<string, unknown>) : null,
  };
}

/** The host gives a plugin its trust, but what is mounted is one place, spelt in one way. */
function checkMountpoint(driver: string, path: unknown): string {
  const isPlain =
    typeof path === "string" &&
    path.startsWith("/") &&
    path !== "/" &&
    path.length < 4096 &&
    !path.includes("\0") &&
    !path.split("/").includes("..");
  if (isPlain) return path;
  throw systemError(`volume driver ${driver} answered with no mountpoint: ${JSON.stringify(path ?? "").slice(0, 100)}`);
}

/** The error with what was being done before its own words. */
export function reworded(error: unknown, what: string): DhowError {
  return new DhowError(kindOf(error), `${what}: ${messageOf(error)}`, { cause: error });
}
