/** All plugins of the host, found when they are asked for. */
import { messageOf, notFound, systemError } from "../lib/errors.ts";
import { locatePlugin, type PluginAddress, scanPlugins } from "./discovery.ts";
import { type CallLimits, callPlugin, PluginSilent, PluginTimeout, PluginUnreachable } from "./plugin.ts";

/** What a plugin can implement. */
export type PluginKind = "VolumeDriver";

/** How long a handshake may take. */
const handshakeMs = 30_000;

/** How long a plugin that let somebody wait is left out of questions to all of them, unless it answers one of its own. */
const restMs = 30_000;

/** A plugin that shook hands. */
export interface Plugin {
  readonly name: string;
  call(method: string, body: unknown, limits: CallLimits): Promise<Readonly<Record<string, unknown>>>;
}

/**
 * A plugin is looked up and activated at its first use and remembered until it cannot be reached: the next use looks
 * again, so that one which was started anew, also elsewhere, is found.
 */
export interface Plugins {
  /** Throws `plugin "NAME" not found`, or why it cannot be used. */
  get(name: string, kind: PluginKind, options?: { readonly retry?: boolean }): Promise<Plugin>;
  /** The plugins of that kind that answer; of the others, `log` is told. None of them is waited for longer than `timeoutMs`. */
  all(kind: PluginKind, timeoutMs: number): Promise<Plugin[]>;
}

interface Known {
  readonly address: PluginAddress;
  readonly kinds: readonly unknown[];
}

export function createPlugins(options: { dirs: readonly string[]; log: (message: string) => void }): Plugins {
  const { dirs, log } = options;
  const known = new Map<string, Promise<Known>>();
  /** Plugin -> when it may be asked again along with the others. */
  const resting = new Map<string, number>();

  const asSystemError = (name: string, error: unknown): unknown => {
    if (error instanceof PluginTimeout) resting.set(name, Date.now() + restMs);
    return error instanceof PluginSilent ? systemError(error.message, { cause: error }) : error;
  };

  async function activate(name: string, limits: CallLimits): Promise<Known> {
    const address = await locatePlugin(name, dirs);
    if (address === null) throw notFound(`plugin "${name}" not found`);
    const reply = await callPlugin(address, "Plugin.Activate", {}, limits);
    if (!Array.isArray(reply.Implements)) throw systemError(`plugin "${name}" does not say what it implements`);
    return { address, kinds: reply.Implements };
  }

  async function get(name: string, kind: PluginKind, limits: CallLimits): Promise<Plugin> {
    const pending = known.get(name) ?? activate(name, limits);
    known.set(name, pending);
    const forget = () => {
      if (known.get(name) === pending) known.delete(name);
    };
    let found: Known;
    try {
      found = await pending;
    } catch (error) {
      forget();
      throw asSystemError(name, error);
    }
    if (!found.kinds.includes(kind)) {
      forget();
      throw systemError(
        `Plugin does not implement the requested driver: plugin="${name}", requested implementation="${kind}"`,
      );
    }
    const call: Plugin["call"] = async (method, body, callLimits) => {
      try {
        const reply = await callPlugin(found.address, method, body, callLimits);
        resting.delete(name);
        return reply;
      } catch (error) {
        if (error instanceof PluginUnreachable) forget();
        throw asSystemError(name, error);
      }
    };
    return { name, call };
  }

  return {
    get: (name, kind, { retry = true } = {}) => get(name, kind, { timeoutMs: handshakeMs, retry }),
    async all(kind, timeoutMs) {
      const rested = (name: string): boolean => (resting.get(name) ?? 0) <= Date.now();
      const found = await Promise.all(
        (await scanPlugins(dirs)).filter(rested).map((name) =>
          get(name, kind, { timeoutMs, retry: false }).catch((error: unknown) => {
            log(`plugin ${name} cannot be used: ${messageOf(error)}`);
            return null;
          }),
        ),
      );
      return found.filter((plugin) => plugin !== null);
    },
  };
}
