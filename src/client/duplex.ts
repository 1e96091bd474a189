/** A byte stream as the Duplex that node:http2 speaks over. */
import { Duplex } from "node:stream";
import type { ByteStream } from "./byte-stream.ts";

export function duplexOf(stream: ByteStream): Duplex {
  let isReading = false;
  const duplex: Duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      if (isReading) return;
      isReading = true;
      const next = async (): Promise<void> => {
        for (let more = true; more; ) {
          const bytes = await stream.read();
          more = duplex.push(bytes) && bytes !== null;
        }
        isReading = false;
      };
      next().catch((error: Error) => duplex.destroy(error));
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
