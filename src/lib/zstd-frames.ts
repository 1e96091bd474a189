/**
 * Follows the frames of a zstd stream (RFC 8878 §3.1) without unpacking it, because the built-in decompressor takes the
 * end of its input for the end of the data wherever it comes.
 */
import { invalidArgument } from "./errors.ts";

type Step = "magic" | "descriptor" | "block" | "skippableSize" | "skip";

const zstdMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;

/** Bytes are pushed in; {@link ZstdFrames.complete} tells whether the stream may end here. */
export class ZstdFrames {
  #step: Step = "magic";
  #need = 4;
  #skip = 0;
  #after: Step = "magic";
  #hasChecksum = false;
  #value = 0;
  #have = 0;

  /** True between frames. */
  get complete(): boolean {
    return this.#step === "magic" && this.#have === 0;
  }

  /** Follows the next bytes; throws `invalidArgument` where no frame begins that should. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#step === "skip") {
        const take = Math.min(this.#skip, chunk.length - at);
        at += take;
        this.#skip -= take;
        if (this.#skip === 0) this.#read(this.#after);
        continue;
      }
      this.#value += (chunk[at++] ?? 0) * 2 ** (8 * this.#have);
      if (++this.#have === this.#need) this.#field(this.#value);
    }
  }

  #read(step: Step): void {
    this.#step = step;
    this.#need = step === "descriptor" ? 1 : step === "block" ? 3 : 4;
    this.#have = 0;
    this.#value = 0;
  }

  #skipTo(bytes: number, after: Step): void {
    this.#read(after);
    if (bytes === 0) return;
    this.#step = "skip";
    this.#skip = bytes;
    this.#after = after;
  }

  #field(value: number): void {
    switch (this.#step) {
      case "magic":
        if (value === zstdMagic) this.#read("descriptor");
        else if (value - (value % 16) === skippableMagic) this.#read("skippableSize");
        else throw invalidArgument("zstd: invalid header");
        return;
      case "skippableSize":
        this.#skipTo(value, "magic");
        return;
      case "descriptor": {
        this.#hasChecksum = (value & 4) !== 0;
        const single = (value & 0x20) !== 0;
        const dictionary = [0, 1, 2, 4][value & 3] ?? 0;
        const content = [single ? 1 : 0, 2, 4, 8][value >> 6] ?? 0;
        this.#skipTo((single ? 0 : 1) + dictionary + content, "block");
        return;
      }
      default: {
        const last = (value & 1) !== 0;
        const type = (value >> 1) & 3;
        const size = type === 1 ? 1 : value >> 3;
        this.#skipTo(size + (last && this.#hasChecksum ? 4 : 0), last ? "magic" : "block");
      }
    }
  }
}
