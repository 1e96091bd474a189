/** Garbage collection put together: on request, and by the policy's interval. */
import { hostname } from "node:os";
import type { GcReport } from "../api/system.ts";
import type { EventJournal } from "../events/events.ts";
import type { Operation } from "../lib/operation.ts";
import type { EngineConfig } from "./config.ts";
import { GarbageCollector, type GcSources } from "./gc.ts";
import { GcSchedule } from "./gc-schedule.ts";

export interface Gc extends AsyncDisposable {
  /** Applies the policy now, or with `dryRun` tells what that would remove. */
  run(query: { dryRun: boolean }, op: Operation): Promise<GcReport>;
  policyChanged(): void;
}

export function createGc(
  sources: Pick<GcSources, "clock" | "containers" | "images" | "log"> & {
    /** False collects only when asked to, whatever the policy says. */
    readonly byInterval: boolean;
    /** Read at each use: a reload changes it. */
    readonly config: Pick<EngineConfig, "gc">;
    readonly events: EventJournal;
    readonly engineId: string;
  },
): Gc {
  const { clock, config, events, engineId: id, log } = sources;
  const policy = () => config.gc;
  const collector = new GarbageCollector({
    ...sources,
    policy,
    emit: ({ action, attributes }) =>
      events.emit({ type: "daemon", action, id, attributes: { ...attributes, name: hostname() } }),
  });
  const byInterval = () => ({ ...policy(), enabled: sources.byInterval && policy().enabled });
  const schedule = new GcSchedule(collector, clock, byInterval, (message) => log.warn(message));
  return {
    run: (query, op) => collector.run(query, op),
    policyChanged: () => schedule.arm(),
    [Symbol.asyncDispose]: () => schedule[Symbol.asyncDispose](),
  };
}
