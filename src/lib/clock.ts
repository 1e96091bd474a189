let clockBase: { wall: bigint; monotonic: number } | undefined;

/** The wall clock in nanoseconds; steps of the host's clock are followed. */
export function wallClockNanoseconds(): bigint {
  const milliseconds = BigInt(Date.now());
  const monotonic = performance.now();
  if (!clockBase || driftOf(clockBase, milliseconds, monotonic) > 5n) {
    clockBase = { wall: milliseconds * 1_000_000n, monotonic };
  }
  return clockBase.wall + BigInt(Math.round((monotonic - clockBase.monotonic) * 1e6));
}

function driftOf(base: { wall: bigint; monotonic: number }, milliseconds: bigint, monotonic: number): bigint {
  const expected = base.wall / 1_000_000n + BigInt(Math.round(monotonic - base.monotonic));
  return expected > milliseconds ? expected - milliseconds : milliseconds - expected;
}
