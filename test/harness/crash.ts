/** What tests that kill the engine's processes share. */
import { readdirSync, readFileSync } from "node:fs";
import { slowness } from "./command.ts";
import type { TestDaemon } from "./daemon.ts";

/** How often each fail point is killed at: `DHOW_CRASH_ROUNDS`, once unless set. */
export const crashRounds: readonly number[] = Array.from(
  { length: Number(process.env.DHOW_CRASH_ROUNDS || 1) },
  (_, i) => i + 1,
);
if (crashRounds.length > 1)
  console.log(`every fail point is killed at ${crashRounds.length} times (DHOW_CRASH_ROUNDS)`);

/** Each case once a round; the first round goes without saying. */
export function inRounds<T>(cases: readonly (readonly [title: string, value: T])[]): [string, T, number][] {
  return crashRounds.flatMap((round) =>
    cases.map(([title, value]): [string, T, number] => [
      round === 1 ? title : `${title}, round ${round}`,
      value,
      round,
    ]),
  );
}

/** The pid of the daemon's supervisor, found by the exec root in its arguments. */
export function supervisorPid(daemon: TestDaemon): number {
  const wanted = `supervisor\0--exec-root\0${daemon.execRoot}\0`;
  const pid = readdirSync("/proc").find((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "utf8").endsWith(wanted);
    } catch {
      return false;
    }
  });
  if (pid === undefined) throw new Error("no supervisor runs");
  return Number(pid);
}

/** Starts a daemon that died, which has to be done within ten seconds. */
export async function startInTime(daemon: TestDaemon): Promise<void> {
  const from = performance.now();
  await daemon.start();
  const took = performance.now() - from;
  if (took > 10_000 * slowness) throw new Error(`the daemon took ${Math.round(took)} ms to start again`);
}

/** Arms a point, runs what passes it, and has the daemon back after its death there. */
export async function dieAt(d: TestDaemon, point: string, command: readonly string[]): Promise<void> {
  d.arm(`${point}=kill`);
  const { code } = await d.dhow(...command);
  await d.died();
  // A command of many steps may have its answer before the step that kills.
  if (command[0] !== "rm" && command[0] !== "run" && code === 0) throw new Error(`${command.join(" ")} succeeded`);
  await startInTime(d);
}
