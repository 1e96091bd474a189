/** The keys that a terminal's user types to leave a process running. */
import { invalidArgument } from "./errors.ts";

/** Byte values that, typed in a row, detach the client. */
export type KeySequence = readonly number[];

export const defaultDetachKeys: KeySequence = [0x10, 0x11];

/** Reads a list such as `ctrl-p,ctrl-q`; "" means that one. Throws `invalidArgument` in dockerd's words. */
export function readDetachKeys(text: string): KeySequence {
  if (text === "") return defaultDetachKeys;
  const keys: number[] = [];
  for (const word of text.split(",")) {
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(word)?.[1];
    if (control) keys.push(control.toUpperCase().charCodeAt(0) & 0x1f);
    else if (word.length === 1 && word.charCodeAt(0) < 0x80) keys.push(word.charCodeAt(0));
    else throw invalidArgument(`Invalid escape keys (${text}) provided`);
  }
  return keys;
}

/** Holds back the beginning of a key sequence until it is complete or turns out to be ordinary input. */
export class DetachDetector {
  readonly #keys: KeySequence;
  #matched = 0;
  #detached = false;

  constructor(keys: KeySequence) {
    this.#keys = keys;
  }

  get detached(): boolean {
    return this.#detached;
  }

  /** The bytes to pass on. After detaching, nothing. */
  push(chunk: Buffer): Buffer {
    if (this.#matched === 0 && !chunk.includes(this.#keys[0]!)) return chunk;
    const passed: number[] = [];
    for (const byte of chunk) {
      if (this.#detached) break;
      const held = [...this.#keys.slice(0, this.#matched), byte];
      this.#matched = this.#longestBeginning(held);
      passed.push(...held.slice(0, held.length - this.#matched));
      this.#detached = this.#matched === this.#keys.length;
    }
    return Buffer.from(passed);
  }

  /** How many of the last bytes of `held` begin the sequence. */
  #longestBeginning(held: readonly number[]): number {
    for (let length = held.length; length > 0; length--) {
      const tail = held.slice(held.length - length);
      if (tail.every((byte, index) => byte === this.#keys[index])) return length;
    }
    return 0;
  }
}
