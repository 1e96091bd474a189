import { readFileSync, statSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";

/** What a file says, read anew whenever it has changed. A change that cannot be read is told once and does not count. */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  readonly #log: (message: string) => void;
  #value: T;
  #stamp: string;

  /** Throws, naming the file, when it cannot be read now. */
  constructor(path: string, parse: (text: string) => T, log: (message: string) => void) {
    this.#path = path;
    this.#parse = parse;
    this.#log = log;
    this.#stamp = this.#look();
    try {
      this.#value = parse(readFileSync(path, "utf8"));
    } catch (error) {
      throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
    }
  }

  get value(): T {
    const stamp = this.#look();
    if (stamp === this.#stamp) return this.#value;
    this.#stamp = stamp;
    try {
      this.#value = this.#parse(readFileSync(this.#path, "utf8"));
    } catch (error) {
      this.#log(`${this.#path} stays as it was: ${messageOf(error)}`);
    }
    return this.#value;
  }

  #look(): string {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    return found ? `${found.mtimeMs} ${found.size} ${found.ino}` : "gone";
  }
}
