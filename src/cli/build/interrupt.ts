/** Signals during a build: the first cancels it, and what is under way ends in order; another one ends this program. */

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
  /** The exit code that a shell shows for the signal that came; 0 while there was none. */
  readonly code: number;
}

const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

export function catchSignals(cancelling: () => void): Interrupt {
  const abort = new AbortController();
  let code = 0;
  const handlers = Object.entries(numbers).map(([name, number]) => {
    const handler = (): void => {
      if (code !== 0) process.exit(128 + number);
      code = 128 + number;
      cancelling();
      abort.abort();
    };
    process.on(name, handler);
    return { name, handler };
  });
  return {
    signal: abort.signal,
    get code() {
      return code;
    },
    [Symbol.dispose]() {
      for (const { name, handler } of handlers) process.off(name, handler);
    },
  };
}
