/** Finds the end of a request's body in the bytes of its connection. */
import { type Framing, HttpError } from "./head.ts";

/** Told the connection's bytes in order, gives the body's to `emit`. */
export interface BodyDecoder {
  readonly complete: boolean;
  /** Takes what is the body's and answers the rest, which is not empty only when the body is complete. Throws {@link HttpError}. */
  feed(bytes: Buffer, emit: (data: Buffer) => void): Buffer;
}

export function decoderOf(framing: Framing): BodyDecoder {
  return framing.kind === "chunked"
    ? new ChunkedDecoder()
    : new LengthDecoder("length" in framing ? framing.length : 0);
}

class LengthDecoder implements BodyDecoder {
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  feed(bytes: Buffer, emit: (data: Buffer) => void): Buffer {
    const mine = bytes.subarray(0, this.#left);
    this.#left -= mine.length;
    if (mine.length > 0) emit(mine);
    return bytes.subarray(mine.length);
  }
}

/** Bytes of one size line, and of all trailers. */
const maxLine = 4096;
const maxTrailers = 64 * 1024;

/** The chunked coding, RFC 9112 section 7.1. Extensions and trailers are read and dropped. */
class ChunkedDecoder implements BodyDecoder {
  #state: "size" | "data" | "data-end" | "trailer" | "complete" = "size";
  /** Of the chunk that is being read. */
  #left = 0;
  /** The beginning of a line whose end has not come. */
  #line = "";
  #trailerBytes = 0;

  get complete(): boolean {
    return this.#state === "complete";
  }

  feed(bytes: Buffer, emit: (data: Buffer) => void): Buffer {
    let rest = bytes;
    while (rest.length > 0 && this.#state !== "complete") {
      if (this.#state === "data") {
        const mine = rest.subarray(0, this.#left);
        this.#left -= mine.length;
        emit(mine);
        rest = rest.subarray(mine.length);
        if (this.#left === 0) this.#state = "data-end";
        continue;
      }
      const end = rest.indexOf(10);
      this.#line += rest.toString("latin1", 0, end < 0 ? rest.length : end + 1);
      if (this.#line.length > maxLine) throw new HttpError(400, "chunk line is too long");
      if (end < 0) return rest.subarray(rest.length);
      rest = rest.subarray(end + 1);
      const line = this.#line;
      this.#line = "";
      if (!line.endsWith("\r\n")) throw new HttpError(400, "chunk line ends without CRLF");
      this.#take(line.slice(0, -2));
    }
    return rest;
  }

  #take(line: string): void {
    if (this.#state === "size") {
      const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r]*)?$/.exec(line);
      if (!size) throw new HttpError(400, "malformed chunk size");
      this.#left = Number.parseInt(size[1]!, 16);
      this.#state = this.#left > 0 ? "data" : "trailer";
    } else if (this.#state === "data-end") {
      if (line !== "") throw new HttpError(400, "chunk is longer than its size");
      this.#state = "size";
    } else if (line === "") this.#state = "complete";
    else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > maxTrailers) throw new HttpError(431, "trailers are too long");
    }
  }
}
