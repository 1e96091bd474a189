import type { RunState } from "./record.ts";
import { zeroTime } from "./record.ts";
import { parseTime } from "./timestamps.ts";

const units: readonly [limit: number, seconds: number, name: string][] = [
  [46, 60, "minutes"],
  [48 * 60, 3600, "hours"],
  [24 * 7 * 2 * 60, 86_400, "days"],
  [24 * 30 * 2 * 60, 86_400 * 7, "weeks"],
  [24 * 365 * 2 * 60, 86_400 * 30, "months"],
  [Number.POSITIVE_INFINITY, 86_400 * 365, "years"],
];

/** A duration as Docker tells people: `Less than a second`, `About an hour`, `3 weeks`. */
export function humanDuration(seconds: number): string {
  if (seconds < 1) return "Less than a second";
  if (Math.trunc(seconds) === 1) return "1 second";
  if (seconds < 60) return `${Math.trunc(seconds)} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  const hours = Math.trunc(seconds / 3600 + 0.5);
  if (minutes >= 46 && hours === 1) return "About an hour";
  for (const [limit, size, name] of units) {
    if (minutes >= limit) continue;
    return `${name === "hours" ? hours : Math.trunc(seconds / size)} ${name}`;
  }
  return "";
}

/** The `Status` column of `ps`. */
export function statusText(state: RunState, now: bigint): string {
  const since = (time: string): string => humanDuration(Number(now - (parseTime(time) ?? now)) / 1e9);
  switch (state.status) {
    case "running":
      return `Up ${since(state.startedAt)}${healthText(state)}`;
    case "paused":
      return `Up ${since(state.startedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
      return state.finishedAt === zeroTime ? "Created" : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function healthText(state: RunState): string {
  const status = state.health?.Status;
  if (!status || status === "none") return "";
  return status === "starting" ? " (health: starting)" : ` (${status})`;
}
