/** The last builds, for `buildx history`. They are forgotten when the daemon ends. */
import { type BuildHistoryRecord, historyEvents } from "../../../api/buildkit/control.ts";
import { timestamp } from "../../../api/buildkit/types.ts";
import { isSecretName } from "../../../builder/dockerfile/lint/secret-names.ts";
import { notFound } from "../../../lib/errors.ts";
import { type GrpcError, statusOf } from "../../../lib/grpc/status.ts";
import type { Written } from "../../../lib/protobuf/message.ts";
import { withoutCredentials } from "../../../lib/url-credentials.ts";
import type { FrontendRequest, Job } from "./jobs.ts";
import type { BuildProgress } from "./progress.ts";

type Entry = Written<typeof BuildHistoryRecord>;

const mostBuilds = 100;

/** Attributes that are kept of a build, and the longest of them. */
const mostAttributes = 1000;
const maxAttributeBytes = 8 << 10;

/** Attributes that may hold what nobody else is to see. */
function isHidden(name: string): boolean {
  const [, argument] = /^build-arg:(.*)$/.exec(name) ?? [];
  if (argument === undefined) return name.startsWith("local-sessionid:");
  return isSecretName(argument) || /token|secret|passw|key/i.test(argument);
}
/** Facts of a result that have all arguments in them. */
const provenance = /^buildx\.build\.provenance/;

export interface HistoryEvent {
  readonly type: number;
  readonly record: Entry;
}

export class BuildHistory {
  readonly #entries = new Map<string, Entry>();
  /** What builds that are over have told. */
  readonly #told = new Map<string, BuildProgress>();
  readonly #listeners = new Set<(event: HistoryEvent) => void>();

  begin(job: Job, exporters: readonly { readonly type: string; readonly attrs: ReadonlyMap<string, string> }[]): void {
    this.#put(historyEvents.started, { ref: job.ref, exporters: [...exporters], createdAt: timestamp(Date.now()) });
    for (const [ref, { pinned }] of this.#entries) {
      if (this.#entries.size <= mostBuilds) break;
      if (!pinned) this.remove(ref);
    }
  }

  end(job: Job, request: FrontendRequest | null, outcome: ReadonlyMap<string, string> | GrpcError): void {
    const known = this.#entries.get(job.ref);
    if (known === undefined) return;
    this.#told.set(job.ref, job.progress.kept());
    const { cached, total, completed, warnings } = job.progress.counts;
    const facts =
      outcome instanceof Map ? new Map<string, string>([...outcome].filter(([name]) => !provenance.test(name))) : null;
    const error = facts === null ? statusOf(outcome) : undefined;
    const attributes = [...(request?.attributes ?? [])]
      .filter(([name, value]) => !isHidden(name) && name.length + value.length <= maxAttributeBytes)
      .map(([name, value]): [string, string] => [name, withoutCredentials(value)])
      .slice(0, mostAttributes);
    this.#put(historyEvents.complete, {
      ...known,
      frontend: request?.frontend ?? "",
      frontendAttrs: new Map(attributes),
      completedAt: timestamp(Date.now()),
      ...(error ? { error: { code: error.code, message: error.message } } : { exporterResponse: facts ?? new Map() }),
      numCachedSteps: cached,
      numTotalSteps: total,
      numCompletedSteps: completed,
      numWarnings: warnings,
    });
  }

  #put(type: number, record: Entry): void {
    this.#entries.set(record.ref!, record);
    this.#tell({ type, record });
  }

  #tell(event: HistoryEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** What a build that is over has told; undefined for others. */
  progressOf(ref: string): BuildProgress | undefined {
    return this.#told.get(ref);
  }

  pin(ref: string, pinned: boolean): void {
    const known = this.#entries.get(ref);
    if (known === undefined) throw notFound(`no build history record for ${ref}: not found`);
    this.#put(known.completedAt ? historyEvents.complete : historyEvents.started, { ...known, pinned });
  }

  remove(ref: string): void {
    const record = this.#entries.get(ref);
    if (record === undefined) throw notFound(`no build history record for ${ref}: not found`);
    this.#entries.delete(ref);
    this.#told.delete(ref);
    this.#tell({ type: historyEvents.deleted, record });
  }

  /** Those that there are, newest first, and with `isLive` those to come until the signal. */
  async *follow(
    { ref, activeOnly, isLive, limit }: { ref: string; activeOnly: boolean; isLive: boolean; limit: number },
    signal: AbortSignal,
  ): AsyncGenerator<HistoryEvent> {
    const fits = ({ record }: HistoryEvent): boolean =>
      (ref === "" || record.ref === ref) && !(activeOnly && record.completedAt !== undefined);
    const queue = [...this.#entries.values()].reverse().map((record) => ({
      type: record.completedAt ? historyEvents.complete : historyEvents.started,
      record,
    }));
    const first = queue.filter(fits);
    yield* limit > 0 ? first.slice(0, limit) : first;
    if (!isLive) return;
    const waiting: HistoryEvent[] = [];
    let wake = Promise.withResolvers<void>();
    const listener = (event: HistoryEvent): void => {
      waiting.push(event);
      wake.resolve();
    };
    const leave = (): void => wake.resolve();
    this.#listeners.add(listener);
    signal.addEventListener("abort", leave, { once: true });
    try {
      while (!signal.aborted) {
        await wake.promise;
        wake = Promise.withResolvers<void>();
        for (const event of waiting.splice(0)) if (fits(event) || event.type === historyEvents.complete) yield event;
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener("abort", leave);
    }
  }
}
