/** Counters in Prometheus' text format (exposition format 0.0.4), on an address of their own: they are nobody's but the operator's. */
import type { Collected } from "./collector.ts";
import type { CacheResult } from "./proxy/pull-through.ts";
import type { Scrubbed } from "./scrubber.ts";

/** Upper bounds of the histogram of request times, in seconds. */
const buckets = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60] as const;

interface Times {
  readonly counts: number[];
  sum: number;
  total: number;
}

export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #times = new Map<string, Times>();
  readonly #scrubbed = { blobs: 0, spoilt: 0 };
  readonly #notified = new Map<string, number>();
  readonly #cached = new Map<string, number>();
  readonly #collected = { rounds: 0, blobs: 0, bytes: 0, manifests: 0 };

  /** Notes an answer; `endpoint` is one of few words, never a path. */
  answered(method: string, endpoint: string, status: number, milliseconds: number): void {
    const key = `method="${method}",endpoint="${endpoint}",code="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    const times = this.#times.get(endpoint) ?? { counts: buckets.map(() => 0), sum: 0, total: 0 };
    this.#times.set(endpoint, times);
    const seconds = milliseconds / 1000;
    for (const [at, bound] of buckets.entries()) if (seconds <= bound) times.counts[at] = (times.counts[at] ?? 0) + 1;
    times.sum += seconds;
    times.total++;
  }

  /** Notes what a cache did for a request. */
  cached(what: "manifest" | "blob", result: CacheResult): void {
    const key = `type="${what}",result="${result}"`;
    this.#cached.set(key, (this.#cached.get(key) ?? 0) + 1);
  }

  /** Notes what became of events that listeners were to be told. */
  notified(result: "sent" | "failed" | "dropped", events: number): void {
    this.#notified.set(result, (this.#notified.get(result) ?? 0) + events);
  }

  collected({ blobs, bytes, manifests }: Collected): void {
    this.#collected.rounds++;
    this.#collected.blobs += blobs;
    this.#collected.bytes += bytes;
    this.#collected.manifests += manifests;
  }

  scrubbed({ blobs, spoilt }: Scrubbed): void {
    this.#scrubbed.blobs += blobs;
    this.#scrubbed.spoilt += spoilt;
  }

  text(): string {
    const lines: string[] = [];
    const family = (
      name: string,
      type: "counter" | "gauge" | "histogram",
      help: string,
      rows: readonly string[],
    ): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...rows);
    };
    family(
      "dhow_registry_requests_total",
      "counter",
      "Requests answered.",
      [...this.#requests].sort().map(([labels, count]) => `dhow_registry_requests_total{${labels}} ${count}`),
    );
    family(
      "dhow_registry_proxy_requests_total",
      "counter",
      "Manifests and blobs asked of a cache, by where they came from.",
      [...this.#cached].sort().map(([labels, count]) => `dhow_registry_proxy_requests_total{${labels}} ${count}`),
    );
    family(
      "dhow_registry_notifications_total",
      "counter",
      "Events told to listeners, by what became of them.",
      [...this.#notified].sort().map(([result, n]) => `dhow_registry_notifications_total{result="${result}"} ${n}`),
    );
    const name = "dhow_registry_request_duration_seconds";
    family(
      name,
      "histogram",
      "Time until the answer began.",
      [...this.#times]
        .sort()
        .flatMap(([endpoint, { counts, sum, total }]) => [
          ...buckets.map((bound, at) => `${name}_bucket{endpoint="${endpoint}",le="${bound}"} ${counts[at]}`),
          `${name}_bucket{endpoint="${endpoint}",le="+Inf"} ${total}`,
          `${name}_sum{endpoint="${endpoint}"} ${sum}`,
          `${name}_count{endpoint="${endpoint}"} ${total}`,
        ]),
    );
    const { rounds, blobs, bytes, manifests } = this.#collected;
    for (const [what, value, help] of [
      ["rounds", rounds, "Collections of garbage."],
      ["blobs", blobs, "Blobs that collections removed."],
      ["bytes", bytes, "Bytes that collections freed."],
      ["manifests", manifests, "Manifests that collections removed."],
    ] as const) {
      family(`dhow_registry_gc_${what}_total`, "counter", help, [`dhow_registry_gc_${what}_total ${value}`]);
    }
    for (const [what, value, help] of [
      ["blobs", this.#scrubbed.blobs, "Blobs held against their digests."],
      ["spoilt", this.#scrubbed.spoilt, "Blobs that were not what their digests say."],
    ] as const) {
      family(`dhow_registry_scrub_${what}_total`, "counter", help, [`dhow_registry_scrub_${what}_total ${value}`]);
    }
    family("process_resident_memory_bytes", "gauge", "Resident memory.", [
      `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    ]);
    return `${lines.join("\n")}\n`;
  }
}
