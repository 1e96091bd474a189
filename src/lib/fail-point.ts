/**
 * Named fail points at durable steps, switched by `DHOW_FAIL_POINTS` in test builds only.
 *
 * The variable is a comma-separated list of `name=mode`, mode being `error`, `kill` (SIGKILL of this process),
 * `enospc`, or `delay:MS`; a mode may be followed by `@N` to act on the Nth passage only. Release builds are made
 * with `FAIL_POINTS` defined as `false`, so that bundling removes the body.
 */
import { DhowError, systemError } from "./errors.ts";

declare const FAIL_POINTS: boolean | undefined;

const enabled = typeof FAIL_POINTS !== "undefined" && FAIL_POINTS === true;

interface Setting {
  mode: string;
  onPassage: number | null;
}

const settings = new Map<string, Setting>();
const passages = new Map<string, number>();

if (enabled) {
  for (const part of (process.env.DHOW_FAIL_POINTS ?? "").split(",")) {
    const [name, rest] = part.split("=", 2);
    if (!name || !rest) continue;
    const [mode, nth] = rest.split("@", 2);
    settings.set(name, { mode: mode ?? "", onPassage: nth ? Number(nth) : null });
  }
}

/** True in a build that has fail points. */
export const failPointsEnabled: boolean = enabled;

/** Passes the fail point `name`; does nothing in a release build. */
export function failPoint(name: string): void {
  if (!enabled) return;
  const setting = settings.get(name);
  if (!setting) return;
  const passage = (passages.get(name) ?? 0) + 1;
  passages.set(name, passage);
  if (setting.onPassage !== null && setting.onPassage !== passage) return;
  act(name, setting.mode);
}

function act(name: string, mode: string): void {
  if (mode === "kill") process.kill(process.pid, "SIGKILL");
  if (mode === "enospc") throw new DhowError("resourceExhausted", `write failed at ${name}: no space left on device`);
  if (mode.startsWith("delay:")) Bun.sleepSync(Number(mode.slice("delay:".length)));
  if (mode === "error") throw systemError(`fail point ${name}`);
}
