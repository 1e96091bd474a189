import type { RestartPolicy } from "../api/host-config.ts";

const firstBackoff = 100;
const longestBackoff = 60_000;
/** A container that ran this long starts its next backoff from the beginning. */
const settledAfter = 10_000;

export interface Ending {
  readonly exitCode: number;
  /** A user stopped or killed it. */
  readonly manuallyStopped: boolean;
  /** Restarts by policy since the user's start. */
  readonly restartCount: number;
}

/** Whether a container that just ended is started again. */
export function shouldRestart(policy: RestartPolicy, ending: Ending): boolean {
  if (ending.manuallyStopped) return false;
  if (policy.Name === "always" || policy.Name === "unless-stopped") return true;
  if (policy.Name !== "on-failure" || ending.exitCode === 0) return false;
  return policy.MaximumRetryCount === 0 || ending.restartCount < policy.MaximumRetryCount;
}

/** Whether a container that stands still is started when the engine starts. */
export function shouldStartWithEngine(policy: RestartPolicy, ending: Ending): boolean {
  if (policy.Name === "always") return true;
  return shouldRestart(policy, ending);
}

/** Milliseconds until the next restart, from the last one's wait and how long the container ran. */
export function nextBackoff(last: number, ranFor: number): number {
  if (last === 0 || ranFor >= settledAfter) return firstBackoff;
  return Math.min(last * 2, longestBackoff);
}
