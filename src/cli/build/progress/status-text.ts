/** One thing that a step does as a line of progress: `transferring context: 1.98MB / 3MB 0.2s done`. */
import type { Nanoseconds, VertexStatus } from "../../../client/buildkit/status.ts";
import { humanSize } from "../../../lib/units.ts";

/** Times below this say nothing. */
const shortest = 0.05;

export function statusText(status: VertexStatus, now: Nanoseconds): string {
  const { id, current, total, started, completed } = status;
  const words = [id];
  if (total > 0) words.push(`${humanSize(current, 4)} / ${humanSize(total, 4)}`);
  else if (current > 0) words.push(humanSize(current, 4));
  const seconds = started === null ? 0 : Number((completed ?? now) - started) / 1e9;
  if (seconds >= shortest) words.push(`${seconds.toFixed(1)}s`);
  if (completed !== null) words.push("done");
  return words.join(" ");
}
