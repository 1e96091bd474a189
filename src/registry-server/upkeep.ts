/** What a registry does to itself from time to time: collections and scrubs, each one after the other. */
import { messageOf } from "../lib/errors.ts";
import type { Collector } from "./collector.ts";
import type { Metrics } from "./metrics.ts";
import type { Scrubber } from "./scrubber.ts";

export interface UpkeepOptions {
  readonly collector: Collector;
  readonly scrubber: Scrubber;
  /** Between two collections; 0 for none. */
  readonly collectMs: number;
  /** Between two scrubs; 0 for none. */
  readonly scrubMs: number;
  readonly metrics: Metrics;
  readonly log: (message: string) => void;
}

/** Goes on as long as the process does. */
export function keepUp({ collector, scrubber, collectMs, scrubMs, metrics, log }: UpkeepOptions): void {
  periodically(collectMs, "gc", log, async () => {
    const collected = await collector.run(log);
    metrics.collected(collected);
    const { manifests, links, blobs, bytes, uploads } = collected;
    if (manifests + links + blobs + uploads === 0) return;
    log(`gc: removed ${blobs} blobs (${bytes} bytes), ${manifests} manifests, ${links} links, ${uploads} uploads`);
  });
  periodically(scrubMs, "scrub", log, async () => metrics.scrubbed(await scrubber.run(log)));
}

function periodically(
  intervalMs: number,
  what: string,
  log: (message: string) => void,
  work: () => Promise<void>,
): void {
  if (intervalMs <= 0) return;
  const round = (): void => {
    void work()
      .catch((error: unknown) => log(`${what}: ${messageOf(error)}`))
      .finally(wait);
  };
  const wait = (): void => void setTimeout(round, Math.min(intervalMs, 2 ** 31 - 1)).unref();
  wait();
}
