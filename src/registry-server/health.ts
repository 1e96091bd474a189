/** Whether the registry can do its work: whether its storage gives and takes what it should, now. */
import { messageOf } from "../lib/errors.ts";
import * as layout from "./layout.ts";
import type { Storage } from "./storage.ts";

/** A storage that takes longer does not answer. */
const patienceMs = 5000;
/** How long a verdict counts: whoever asks often does not burden the storage. */
const freshMs = 5000;

export class Health {
  readonly #storage: Storage;
  readonly #writes: boolean;
  #verdict: Promise<string | null> = Promise.resolve(null);
  #asked = Number.NEGATIVE_INFINITY;

  /** `writes` is false for a registry that takes nothing: its storage may be read-only. */
  constructor(storage: Storage, writes: boolean) {
    this.#storage = storage;
    this.#writes = writes;
  }

  /** What is wrong with the storage; null when nothing is. */
  storage(): Promise<string | null> {
    if (performance.now() - this.#asked < freshMs) return this.#verdict;
    this.#asked = performance.now();
    this.#verdict = inTime(this.#look()).then(() => null, messageOf);
    return this.#verdict;
  }

  async #look(): Promise<void> {
    if (!this.#writes) return void (await this.#storage.list(layout.blobsPath));
    const word = crypto.randomUUID();
    await this.#storage.write(layout.healthPath, word);
    const found = await this.#storage.read(layout.healthPath);
    if (found?.toString("utf8") !== word) throw new Error("what was written is not what is read");
  }
}

async function inTime(work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${patienceMs / 1000} s`)), patienceMs);
  work.catch(() => {});
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
