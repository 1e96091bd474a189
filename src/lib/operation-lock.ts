/** Lets one holder in at a time, in the order they came. */
export class OperationLock {
  #tail: Promise<void> = Promise.resolve();
  #held = 0;

  /** Runs `body` when all earlier holders are done. Not re-entrant: a body that locks again waits for itself. */
  run<T>(body: () => Promise<T>): Promise<T> {
    this.#held++;
    const result = this.#tail.then(body);
    this.#tail = result.then(this.#leave, this.#leave);
    return result;
  }

  /** True when nobody holds it or waits for it. */
  get isFree(): boolean {
    return this.#held === 0;
  }

  #leave = (): void => {
    this.#held--;
  };
}

/** An {@link OperationLock} for each name, which is there as long as somebody holds it or waits for it. */
export class NamedLocks {
  readonly #locks = new Map<string, OperationLock>();

  async run<T>(name: string, body: () => Promise<T>): Promise<T> {
    const lock = this.#locks.get(name) ?? new OperationLock();
    this.#locks.set(name, lock);
    try {
      return await lock.run(body);
    } finally {
      if (lock.isFree) this.#locks.delete(name);
    }
  }
}
