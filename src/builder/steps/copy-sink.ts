/** What becomes of a file's metadata on its way through a COPY. */
import type { TarEntry, TarSink } from "../../lib/tar/entry.ts";
import { changedMode } from "./symbolic-mode.ts";

export interface CopyChanges {
  /** Null keeps what the entry says. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly mode: number | string | null;
  /** True for a path inside the source that is left out. */
  isExcluded(path: string): boolean;
}

/** Passes entries on, changed, but for those that are left out. `prefix` is what stands before paths inside the source. */
export class CopySink implements TarSink {
  readonly #next: TarSink;
  readonly #changes: CopyChanges;
  readonly #prefix: string;
  #isLeftOut = false;
  /** How many went through. */
  count = 0;

  constructor(next: TarSink, changes: CopyChanges, prefix: string) {
    this.#next = next;
    this.#changes = changes;
    this.#prefix = prefix;
  }

  entry(entry: TarEntry): void {
    const { owner, mode } = this.#changes;
    const inside = entry.path.toString().slice(this.#prefix.length);
    this.#isLeftOut = inside !== "" && this.#changes.isExcluded(inside);
    if (this.#isLeftOut) return;
    this.count++;
    if (owner) Object.assign(entry, owner);
    if (mode !== null && entry.type !== "symlink") {
      entry.mode = typeof mode === "number" ? mode : changedMode(entry.mode, mode, entry.type === "directory");
    }
    this.#next.entry(entry);
  }

  data(bytes: Uint8Array): void {
    if (!this.#isLeftOut) this.#next.data(bytes);
  }

  hole(length: number): void {
    if (!this.#isLeftOut) this.#next.hole(length);
  }

  end(): void {
    if (!this.#isLeftOut) this.#next.end();
  }
}
