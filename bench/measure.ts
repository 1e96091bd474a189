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

/** What an engine still tears down after its command has returned must not fall on the next engine's turn. */
const restMs = 300;

/**
 * Samples of several actions taken turn by turn, so that a slow minute of the machine hits all alike, each on a machine
 * that had a moment's rest.
 */
export async function interleaved(
  actions: Readonly<Record<string, () => Promise<void>>>,
  runs = 20,
  warmup = 3,
): Promise<Record<string, Sample>> {
  const times = Object.fromEntries(Object.keys(actions).map((name) => [name, [] as number[]]));
  for (let i = -warmup; i < runs; i++) {
    for (const [name, action] of Object.entries(actions)) {
      await Bun.sleep(restMs);
      const from = performance.now();
      await action();
      if (i >= 0) times[name]?.push(performance.now() - from);
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
