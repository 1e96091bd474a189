/** Buffered, blocking output to a pipe: a helper has nothing else to do while its reader is slow. */
import { writeFd } from "../linux/file.ts";

/** Where a tar goes. */
export interface TarDestination {
  write(bytes: Uint8Array): void;
  flush(): void;
}

export class TarOutput implements TarDestination {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(256 * 1024);
  #filled = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#buffer.length) this.flush();
    if (bytes.length > this.#buffer.length) {
      writeFd(this.#fd, bytes);
      return;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  flush(): void {
    writeFd(this.#fd, this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }
}
