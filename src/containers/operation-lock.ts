/** Lets one holder in at a time, in the order they came. */
export class OperationLock {
  #tail: Promise<void> = Promise.resolve();

  /** Runs `body` when all earlier holders are done. Not re-entrant: a body that locks again waits for itself. */
  run<T>(body: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(body);
    this.#tail = result.then(nothing, nothing);
    return result;
  }
}

function nothing(): void {}
