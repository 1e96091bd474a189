import { expect, test } from "bun:test";
import { scheduleLabel } from "../api/jobs.ts";
import { Container } from "./container.ts";
import { ContainerIndex } from "./container-index.ts";
import type { Context } from "./context.ts";
import { Jobs, runJobs } from "./jobs.ts";
import type { ContainerRecord } from "./record.ts";

const at = (text: string): number => Date.parse(`${text}Z`);

/** A context whose starts are told and fail; a start's failure is logged. */
function contextOf(containers: Record<string, { readonly label?: string; readonly status?: string }>) {
  const index = new ContainerIndex();
  for (const [id, { label, status = "exited" }] of Object.entries(containers)) {
    const Labels = label === undefined ? {} : { [scheduleLabel]: label };
    const record = { id: id.padEnd(64, "0"), name: id, config: { Labels }, state: { status } };
    index.add(new Container(record as unknown as ContainerRecord));
  }
  const log: string[] = [];
  const begun: string[] = [];
  const ctx = {
    index,
    closing: new AbortController(),
    cgroups: { expectStart: () => begun.push("start") },
    log: (text: string) => log.push(text.replace(/0{20,}/, "")),
  };
  return { ctx: ctx as unknown as Context, log, begun };
}

test("Jobs starts what is due, once for each time, and nothing that is not", async () => {
  const { ctx, begun } = contextOf({ a: { label: "*/5 * * * *" }, b: { label: "0 12 * * *" }, c: {} });
  const clock = { time: at("2026-03-01T10:04:10"), now: () => clock.time, offset: () => 0 };
  const jobs = new Jobs(ctx, clock);
  const startsAt = (text: string): number => {
    clock.time = at(text);
    begun.length = 0;
    jobs.startDue();
    return begun.length;
  };
  expect(startsAt("2026-03-01T10:04:59")).toBe(0);
  expect(startsAt("2026-03-01T10:05:00")).toBe(1);
  expect(startsAt("2026-03-01T10:05:30")).toBe(0);
  // The engine stood still for a while: a job that was due several times starts once.
  expect(startsAt("2026-03-01T12:01:00")).toBe(2);
  // Set back, and past the old time again.
  expect(startsAt("2026-03-01T11:30:00")).toBe(0);
  expect(startsAt("2026-03-01T12:00:00")).toBe(0);
  expect(startsAt("2026-03-01T12:05:00")).toBe(1);
});

test("Jobs leaves out one that still runs, and tells once of a label that means nothing", () => {
  const { ctx, log, begun } = contextOf({
    runs: { label: "* * * * *", status: "running" },
    odd: { label: "often" },
    goes: { label: "* * * * *", status: "removing" },
  });
  const clock = { time: at("2026-03-01T10:00:00"), now: () => clock.time, offset: () => 0 };
  const jobs = new Jobs(ctx, clock);
  for (let minute = 0; minute < 2; minute++) {
    clock.time += 60_000;
    jobs.startDue();
  }
  expect(begun).toEqual([]);
  expect(log.filter((line) => line.startsWith("container odd"))).toHaveLength(1);
  expect(
    log.filter((line) => line === "container runs: its job is due and still runs: left out this time"),
  ).toHaveLength(2);
});

test("runJobs() ends with the engine, in the middle of a minute", async () => {
  const { ctx } = contextOf({});
  const running = runJobs(ctx);
  ctx.closing.abort();
  await running;
});
