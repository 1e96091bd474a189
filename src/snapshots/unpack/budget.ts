/** How much one archive may put on the disk. */
import { resourceExhausted } from "../../lib/errors.ts";
import { statfs } from "../../linux/statfs.ts";

/** A layer of more than this is no layer that an engine can run. */
export const defaultLayerInodes = 8_000_000;

/** Share of the free space that one archive may take, so that a bomb leaves the host room to breathe. */
const freeShare = 0.9;

/** Counts bytes and inodes down; throws `resourceExhausted` when they are used up. */
export class Budget {
  #bytes: number;
  #inodes: number;
  readonly #suffix: string;

  constructor(bytes: number, inodes: number, suffix = "") {
    this.#bytes = bytes;
    this.#inodes = inodes;
    this.#suffix = suffix;
  }

  /** The budget for an archive unpacked at `path`: what was asked for, and never nearly all that is free there. */
  static at(path: string, asked: { bytes?: number; inodes?: number } = {}): Budget {
    const free = Math.floor(statfs(path).freeBytes * freeShare);
    const bytes = Math.min(asked.bytes ?? free, free);
    // Where the disk is what limits, the error says so in the words that clients know.
    const suffix = bytes === free ? ": no space left on device" : "";
    return new Budget(bytes, asked.inodes ?? defaultLayerInodes, suffix);
  }

  takeBytes(count: number): void {
    this.#bytes -= count;
    if (this.#bytes < 0) throw resourceExhausted(`archive is larger than the space it may take${this.#suffix}`);
  }

  takeInode(): void {
    if (--this.#inodes < 0) throw resourceExhausted("archive holds more files than it may");
  }
}
