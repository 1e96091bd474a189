/** Does `work` for each item, `parallel` at a time; the first failure ends the others, and is thrown when they have ended. */
export async function inParallel<T>(
  items: readonly T[],
  parallel: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const queue = [...items];
  const failures: { readonly error: unknown }[] = [];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined && failures.length === 0; item = queue.shift()) {
      try {
        await work(item, stop.signal);
      } catch (error) {
        failures.push({ error });
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const [first] = failures;
  if (first) throw first.error;
}
