/** Wall-clock samples of a command, and what is reported of them. */
export interface Sample {
  readonly median: number;
  readonly min: number;
  readonly p90: number;
}

/** Milliseconds of `runs` runs of `action`, after `warmup` that do not count. */
export async function measure(action: () => Promise<void>, runs = 20, warmup = 3): Promise<Sample> {
  for (let i = 0; i < warmup; i++) await action();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const from = performance.now();
    await action();
    times.push(performance.now() - from);
  }
  return summary(times);
}

export function summary(times: readonly number[]): Sample {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (fraction: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0;
  return { median: at(0.5), min: sorted[0] ?? 0, p90: at(0.9) };
}

/** How many times an action runs in a row before the next one's turn. */
const inARow = 5;

/**
 * Samples of several actions taken turn by turn, so that a slow minute of the machine hits all alike. A turn is one run
 * that does not count and {@link inARow} that do, back to back, as a script or a developer's loop runs them: what an
 * engine still tears down after its command has returned falls on its own next run, and no engine pays for the caches that
 * another one emptied.
 */
export async function interleaved(
  actions: Readonly<Record<string, () => Promise<void>>>,
  runs = 20,
): Promise<Record<string, Sample>> {
  return await takeTurns(actions, { turns: Math.ceil(runs / inARow), perTurn: inARow, uncounted: 1, restMs: 300 });
}

/** Like {@link interleaved}, but each run after a rest and after the other engines': a command typed now and then. */
export async function rested(
  actions: Readonly<Record<string, () => Promise<void>>>,
  runs = 20,
): Promise<Record<string, Sample>> {
  for (const action of Object.values(actions)) await action();
  return await takeTurns(actions, { turns: runs, perTurn: 1, uncounted: 0, restMs: 300 });
}

interface Turns {
  readonly turns: number;
  readonly perTurn: number;
  /** Runs at the beginning of each turn whose time is thrown away. */
  readonly uncounted: number;
  /** Before each turn: the last engine's tearing down must not fall on the next one's. */
  readonly restMs: number;
}

async function takeTurns(
  actions: Readonly<Record<string, () => Promise<void>>>,
  { turns, perTurn, uncounted, restMs }: Turns,
): Promise<Record<string, Sample>> {
  const times = Object.fromEntries(Object.keys(actions).map((name) => [name, [] as number[]]));
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, action] of Object.entries(actions)) {
      await Bun.sleep(restMs);
      for (let i = 0; i < uncounted; i++) await action();
      for (let i = 0; i < perTurn; i++) {
        const from = performance.now();
        await action();
        times[name]?.push(performance.now() - from);
      }
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, summary(list)]));
}

/** Proportional set size of processes in kB, from smaps_rollup. */
export async function pssKb(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const text = await Bun.file(`/proc/${pid}/smaps_rollup`)
      .text()
      .catch(() => "");
    sum += Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0);
  }
  return sum;
}

/** The highest of ten samples a second of what the processes hold while `work` runs, in kB. */
export async function peakPssKb(pids: () => Promise<readonly number[]>, work: () => Promise<void>): Promise<number> {
  let peak = 0;
  let isDone = false;
  const sample = async () => {
    while (!isDone) {
      peak = Math.max(peak, await pssKb(await pids()));
      await Bun.sleep(100);
    }
  };
  const sampling = sample();
  try {
    await work();
  } finally {
    isDone = true;
    await sampling;
  }
  return peak;
}
