/** A byte stream as the Duplex that node:http2 speaks over. */
import { Duplex } from "node:stream";
import type { ByteStream } from "./byte-stream.ts";

export function duplexOf(stream: ByteStream): Duplex {
  const duplex: Duplex = new Duplex({
    allowHalfOpen: true,
    // It is asked for the next piece once it has been given one.
    read() {
      stream.read().then(
        (bytes) => duplex.push(bytes),
        (error: Error) => duplex.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      stream.write(chunk).then(() => done(), done);
    },
    final(done) {
      stream.end();
      done();
    },
    destroy(error, done) {
      stream.close();
      done(error);
    },
  });
  return duplex;
}
