/** Containers that the engine starts at set times, by a label that any client may give them. */
import { scheduleLabel } from "../api/jobs.ts";
import { isDue, localOffset, minutesSince, type Offset, parseCron, type Schedule } from "../lib/cron.ts";
import { messageOf } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { pause } from "../lib/pause.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { isActive } from "./lifecycle.ts";
import { startContainer } from "./start.ts";

const minuteMs = 60_000;

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  readonly offset: Offset;
}

const wallClock: Clock = { now: Date.now, offset: localOffset };

/** Starts what is due as each minute begins, until the engine ends. */
export async function runJobs(ctx: Context, clock: Clock = wallClock): Promise<void> {
  const { signal } = ctx.closing;
  const jobs = new Jobs(ctx, clock);
  while (!signal.aborted) {
    await pause(minuteMs - (clock.now() % minuteMs), signal);
    if (!signal.aborted) jobs.startDue();
  }
}

export class Jobs {
  readonly #ctx: Context;
  readonly #clock: Clock;
  /** What each label means; null for one that means nothing, which is told once. */
  readonly #schedules = new Map<string, Schedule | null>();
  #last: number;

  constructor(ctx: Context, clock: Clock = wallClock) {
    this.#ctx = ctx;
    this.#clock = clock;
    this.#last = this.#minute();
  }

  #minute(): number {
    return Math.floor(this.#clock.now() / minuteMs);
  }

  /** Starts what was due since the last call, each once. */
  startDue(): void {
    const minutes = minutesSince(this.#last, this.#minute());
    this.#last = minutes.at(-1) ?? this.#last;
    const used = new Set<string>();
    for (const container of this.#ctx.index.all()) {
      const label = container.broken === null ? container.record.config.Labels?.[scheduleLabel] : undefined;
      if (!label) continue;
      used.add(label);
      const schedule = this.#scheduleOf(container, label);
      if (schedule && minutes.some((minute) => isDue(schedule, minute, this.#clock.offset))) this.#start(container);
    }
    for (const label of this.#schedules.keys()) if (!used.has(label)) this.#schedules.delete(label);
  }

  #scheduleOf(container: Container, label: string): Schedule | null {
    const known = this.#schedules.get(label);
    if (known !== undefined) return known;
    let schedule: Schedule | null = null;
    try {
      schedule = parseCron(label);
    } catch (error) {
      this.#ctx.log(`container ${container.id}: label ${scheduleLabel}: ${messageOf(error)}`);
    }
    this.#schedules.set(label, schedule);
    return schedule;
  }

  #start(container: Container): void {
    if (container.removing || container.status === "removing" || container.status === "dead") return;
    if (isActive(container.status)) {
      this.#ctx.log(`container ${container.id}: its job is due and still runs: left out this time`);
      return;
    }
    this.#ctx.cgroups.expectStart();
    startContainer(this.#ctx, container, background()).catch((error) =>
      this.#ctx.log(`container ${container.id}: its job could not be started: ${messageOf(error)}`),
    );
  }
}
