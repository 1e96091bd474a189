/** The logs of all containers: what the supervisor is to keep, what is read of it, and what is delivered elsewhere. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { LogConfig } from "../api/host-config.ts";
import { messageOf, systemError } from "../lib/errors.ts";
import { type ReadLogOptions, readLog } from "../lib/log-file/reader.ts";
import type { LogBatch } from "../lib/log-file/record.ts";
import type { LogTarget } from "../supervisor/protocol.ts";
import { Delivery } from "./delivery.ts";
import type { LogInfo, LogSink } from "./driver.ts";
import { remoteDriver } from "./drivers.ts";
import { logTarget } from "./log-target.ts";

export interface Logs extends AsyncDisposable {
  /** Yields entries until the log's end; with `follow` until `ended` is aborted and all is read. */
  read(path: string, options: ReadLogOptions, ended: AbortSignal, signal: AbortSignal): AsyncIterable<LogBatch>;
  /**
   * Before the process of a container starts, whose directory is `dir`: where its output goes, null keeps none. Connects to
   * where the log is delivered, and fails with the start's error when there is nobody.
   */
  start(log: LogConfig, info: LogInfo, dir: string): Promise<LogTarget | null>;
  /** After the engine's own start: what is not delivered yet goes on being. */
  resume(log: LogConfig, info: LogInfo, dir: string, running: boolean): void;
  /** Other options for a container that runs: from now on what is not delivered yet goes where they say. */
  change(log: LogConfig, info: LogInfo, dir: string): Promise<void>;
  /** The container's process has ended, or never was. */
  ended(id: string): void;
  /** The container goes, and its files with it: resolves when they are delivered, or soon when they cannot be. */
  removed(id: string): Promise<void>;
}

/** How long a removal, or a next start, waits for a sink that takes messages, but slowly. */
const patienceMs = 2000;

export function createLogs(options: { readonly log: (message: string) => void }): Logs {
  const deliveries = new Map<string, Delivery>();
  const deliver = (target: LogTarget, info: LogInfo, logger: ReturnType<typeof openLogger>, sink: LogSink | null) => {
    if (!logger || target.position === undefined) return null;
    const id = info.containerId;
    const delivery = new Delivery({
      logger,
      path: target.path,
      position: target.position,
      blocking: info.config.mode !== "non-blocking",
      sink,
      onTrouble: (message) => options.log(`container ${id}: ${message}`),
    });
    deliveries.set(id, delivery);
    void delivery.done.then(() => {
      if (deliveries.get(id) === delivery) deliveries.delete(id);
    });
    return delivery;
  };
  return {
    read: (path, query, ended, signal) => readLog(path, { ...query, ended }, signal),

    async start(log, info, dir) {
      // What an earlier process left and nobody has taken yet, the new delivery takes over, position and all.
      await finish(deliveries, info.containerId);
      try {
        const target = logTarget(log, info, dir);
        if (!target) return null;
        const logger = openLogger(log.Type, info);
        mkdirSync(dirname(target.path), { recursive: true, mode: 0o710 });
        const sink = logger?.connectsFirst ? await logger.connect(new AbortController().signal) : null;
        deliver(target, info, logger, sink);
        return target;
      } catch (error) {
        throw systemError(
          `failed to create task for container: failed to initialize logging driver: ${messageOf(error)}`,
          { cause: error },
        );
      }
    },

    resume(log, info, dir, running) {
      if (!remoteDriver(log.Type)) return;
      try {
        const target = logTarget(log, info, dir);
        const delivery = target && deliver(target, info, openLogger(log.Type, info), null);
        if (!running) delivery?.end();
      } catch (error) {
        options.log(`container ${info.containerId}: its log is not delivered: ${messageOf(error)}`);
      }
    },

    async change(log, info, dir) {
      const target = logTarget(log, info, dir);
      const logger = openLogger(log.Type, info);
      if (!target || !logger) return;
      await stop(deliveries, info.containerId);
      deliver(target, info, logger, null);
    },

    ended: (id) => deliveries.get(id)?.end(),

    removed: (id) => finish(deliveries, id),

    async [Symbol.asyncDispose]() {
      await Promise.all([...deliveries.keys()].map((id) => stop(deliveries, id)));
    },
  };
}

function openLogger(type: string, info: LogInfo) {
  return remoteDriver(type)?.open(info) ?? null;
}

/** Waits for the rest to go where somebody takes it. */
async function finish(deliveries: Map<string, Delivery>, id: string): Promise<void> {
  const delivery = deliveries.get(id);
  if (!delivery) return;
  delivery.end();
  if (delivery.isConnected) await Promise.race([delivery.done, Bun.sleep(patienceMs)]);
  await stop(deliveries, id);
}

async function stop(deliveries: Map<string, Delivery>, id: string): Promise<void> {
  const delivery = deliveries.get(id);
  if (!delivery) return;
  delivery[Symbol.dispose]();
  await delivery.done;
}
