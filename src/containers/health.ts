import type { Health, HealthConfig, HealthcheckResult } from "../api/containers.ts";
import { formatDuration } from "../lib/duration.ts";
import { messageOf } from "../lib/errors.ts";
import { background } from "../lib/operation.ts";
import { pause } from "../lib/pause.ts";
import { stdioFrames } from "../lib/stdio-frames.ts";
import type { Container } from "./container.ts";
import { type Context, emit, saveState } from "./context.ts";
import { Exec, killExec, startExec } from "./exec.ts";
import { settlesWithin } from "./settles.ts";
import { timestamp } from "./timestamps.ts";

const nanosecondsPerMillisecond = 1e6;
const keptResults = 5;
const keptOutput = 4096;
const defaultRetries = 3;

/** A health check's settings with Docker's defaults, in milliseconds. */
interface Probe {
  readonly args: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

/** Health at the start of a container: what its last run left in the log stays there. */
export function healthAtStart({ config, state }: Container["record"]): Health | undefined {
  if (!probeOf(config.Healthcheck, config.Shell)) return undefined;
  return { Status: "starting", FailingStreak: 0, Log: state.health?.Log ?? [] };
}

/** Health of a container that has ended: as dockerd does, what is not watched is not healthy. */
export function healthAtEnd(health: Health | undefined): Health | undefined {
  return health && { ...health, Status: "unhealthy" };
}

const defaultShell: readonly string[] = ["/bin/sh", "-c"];

/** The probe of a config; null when there is none (`NONE` among them). */
export function probeOf(health: HealthConfig | undefined, shell: readonly string[] | undefined): Probe | null {
  const [kind, ...args] = health?.Test ?? [];
  if (kind !== "CMD" && kind !== "CMD-SHELL") return null;
  const milliseconds = (value: HealthConfig["Interval"], otherwise: number): number =>
    value ? Number(value) / nanosecondsPerMillisecond : otherwise;
  return {
    args: kind === "CMD" ? args : [...(shell?.length ? shell : defaultShell), ...args],
    interval: milliseconds(health?.Interval, 30_000),
    timeout: milliseconds(health?.Timeout, 30_000),
    startPeriod: milliseconds(health?.StartPeriod, 0),
    startInterval: milliseconds(health?.StartInterval, 5_000),
    retries: health?.Retries || defaultRetries,
  };
}

/** Health after one more result; failures within the start period do not count. */
export function nextHealth(health: Health, result: HealthcheckResult, retries: number, starting: boolean): Health {
  const Log = [...(health.Log ?? []), result].slice(-keptResults);
  if (result.ExitCode === 0) return { Status: "healthy", FailingStreak: 0, Log };
  if (starting && health.Status === "starting") return { ...health, Log };
  const FailingStreak = health.FailingStreak + 1;
  return { Status: FailingStreak >= retries ? "unhealthy" : health.Status, FailingStreak, Log };
}

/** Probes the container until it ends; does nothing for one without a health check. */
export function startHealthChecks(ctx: Context, container: Container): void {
  const { config } = container.record;
  const probe = probeOf(config.Healthcheck, config.Shell);
  if (!probe) return;
  const stopped = new AbortController();
  container.health = { [Symbol.dispose]: () => stopped.abort() };
  // A probe belongs to the start period when it began in it, however long it took.
  const inStartPeriod = (): boolean => performance.now() - container.startedMonotonic < probe.startPeriod;
  const told = (error: unknown): void => ctx.log(`container ${container.id}: health check: ${messageOf(error)}`);
  void (async () => {
    while (!stopped.signal.aborted) {
      const waiting = container.record.state.health?.Status === "starting" && inStartPeriod();
      await pause(waiting ? probe.startInterval : probe.interval, stopped.signal);
      if (stopped.signal.aborted) return;
      if (container.status !== "running") continue;
      const starting = inStartPeriod();
      const result = await runProbe(ctx, container, probe);
      if (stopped.signal.aborted) return;
      try {
        record(ctx, container, probe, result, starting);
      } catch (error) {
        // A disk that is full for a while must not end the checks.
        told(error);
      }
      if (container.record.state.health?.Status === "unhealthy") await ctx.unhealthy?.(container).catch(told);
    }
  })().catch(told);
}

function record(ctx: Context, container: Container, probe: Probe, result: HealthcheckResult, starting: boolean): void {
  const before = container.record.state.health;
  if (!before) return;
  const after = nextHealth(before, result, probe.retries, starting);
  saveState(ctx, container, "normal", { health: after });
  if (after.Status !== before.Status) emit(ctx, container, `health_status: ${after.Status}`);
}

async function runProbe(ctx: Context, container: Container, probe: Probe): Promise<HealthcheckResult> {
  const Start = timestamp();
  const exec = new Exec(
    container.id,
    {
      User: "",
      Privileged: false,
      Tty: false,
      ConsoleSize: undefined,
      AttachStdin: false,
      AttachStdout: true,
      AttachStderr: true,
      DetachKeys: "",
      Env: null,
      WorkingDir: "",
      Cmd: [...probe.args],
    },
    true,
  );
  ctx.execs.set(exec.id, exec);
  container.execs.set(exec.id, exec);
  try {
    const session = await startExec(ctx, container, exec, { detach: false }, background());
    const output = collect(session?.output ?? noFrames());
    const inTime = await settlesWithin(exec.ended.promise, probe.timeout);
    if (!inTime) await killExec(ctx, exec);
    // Children that it leaves behind may hold the stream open.
    await settlesWithin(output.done, inTime ? 1000 : 100);
    session?.close(inTime ? "finished" : "gone");
    const said = output.text();
    if (inTime) return { Start, End: timestamp(), ExitCode: exec.exitCode ?? -1, Output: said };
    const limit = formatDuration(probe.timeout * nanosecondsPerMillisecond);
    const Output = `Health check exceeded timeout (${limit})${said === "" ? "" : `: ${said}`}`;
    return { Start, End: timestamp(), ExitCode: -1, Output };
  } catch (error) {
    return { Start, End: timestamp(), ExitCode: -1, Output: messageOf(error) };
  } finally {
    ctx.execs.delete(exec.id);
    container.execs.delete(exec.id);
  }
}

async function* noFrames(): AsyncGenerator<Uint8Array> {}

interface Collected {
  readonly done: Promise<void>;
  text(): string;
}

/** The payloads of Docker's frames, up to 4 KiB and three dots; the rest is read and dropped. */
function collect(frames: AsyncIterable<Uint8Array>): Collected {
  let text = Buffer.alloc(0);
  const read = async (): Promise<void> => {
    for await (const { payload } of stdioFrames(frames)) {
      if (text.length <= keptOutput) text = Buffer.concat([text, payload]);
    }
  };
  return {
    done: read(),
    text: () => text.subarray(0, keptOutput).toString("utf8") + (text.length > keptOutput ? "..." : ""),
  };
}
