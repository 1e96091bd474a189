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
  readonly #byDisk: Readonly<Record<"bytes" | "inodes", boolean>>;

  /** `byDisk` tells which of them the disk limits: the error then says so in the words that clients know. */
  constructor({ bytes, inodes }: { bytes: number; inodes: number }, byDisk = { bytes: false, inodes: false }) {
    this.#bytes = bytes;
    this.#inodes = inodes;
    this.#byDisk = byDisk;
  }

  /** The budget for an archive unpacked at `path`: what was asked for, and never nearly all that is free there. */
  static at(path: string, asked: { bytes?: number; inodes?: number } = {}): Budget {
    const disk = statfs(path);
    const free = Math.floor(disk.freeBytes * freeShare);
    const bytes = Math.min(asked.bytes ?? free, free);
    // File systems without a table of inodes, such as btrfs, say that they have none at all.
    const freeInodes = disk.totalInodes === 0 ? Number.POSITIVE_INFINITY : Math.floor(disk.freeInodes * freeShare);
    const inodes = Math.min(asked.inodes ?? defaultLayerInodes, freeInodes);
    return new Budget({ bytes, inodes }, { bytes: bytes === free, inodes: inodes === freeInodes });
  }

  takeBytes(count: number): void {
    this.#bytes -= count;
    if (this.#bytes < 0) throw exhausted("archive is larger than the space it may take", this.#byDisk.bytes);
  }

  takeInode(): void {
    if (--this.#inodes < 0) throw exhausted("archive holds more files than it may", this.#byDisk.inodes);
  }
}

const exhausted = (what: string, byDisk: boolean): Error =>
  resourceExhausted(byDisk ? `${what}: no space left on device` : what);
