/** Equal work of several builds at once: one does it, the others wait for it. */

export class Flights<T> {
  readonly #going = new Map<string, Promise<T>>();

  /**
   * The result of the work under `key` that goes already, or of `work`. Where another build's fails, which may be that build's
   * own fault or end, this one does it.
   */
  async join(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (let going = this.#going.get(key); going !== undefined; going = this.#going.get(key)) {
      const outcome = await going.then(
        (value) => ({ value }),
        () => null,
      );
      signal.throwIfAborted();
      if (outcome) return outcome.value;
    }
    const own = work();
    this.#going.set(key, own);
    try {
      return await own;
    } finally {
      this.#going.delete(key);
    }
  }
}
