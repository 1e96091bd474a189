/** A stream of bytes inside of a call: whatever protocol the two ends speak over it. */
import { Duplex } from "node:stream";

/** Bytes that come, and a way to send some. */
export interface ByteCall {
  readonly incoming: AsyncIterable<{ readonly data: Uint8Array }>;
  send(message: { readonly data: Uint8Array }): Promise<void>;
  /** No more is sent. */
  end(): void;
  /** Called once, when the stream is over. */
  close(): void;
}

/** Most bytes that go in one message. */
const pieceBytes = 1 << 20;

export function bytePipe(call: ByteCall): Duplex {
  const incoming = call.incoming[Symbol.asyncIterator]();
  return new Duplex({
    allowHalfOpen: true,
    read() {
      incoming.next().then(
        ({ done, value }) => {
          if (done) this.push(null);
          else if (value.data.length > 0) this.push(value.data);
          else this._read(0);
        },
        (error: Error) => this.destroy(error),
      );
    },
    write(data: Buffer, _encoding, done) {
      const send = async (): Promise<void> => {
        for (let at = 0; at < data.length; at += pieceBytes) {
          await call.send({ data: data.subarray(at, at + pieceBytes) });
        }
      };
      send().then(() => done(), done);
    },
    final(done) {
      call.end();
      done();
    },
    destroy(error, done) {
      call.close();
      done(error);
    },
  });
}
