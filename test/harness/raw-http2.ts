/** One end of an HTTP/2 connection that a test writes frame by frame, as no library would. https://www.rfc-editor.org/rfc/rfc9113 */
import type { Socket } from "node:net";
import { slowness } from "./command.ts";

export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8 } as const;

const nothing = new Uint8Array();

/** `length` may lie. */
export function frame(type: number, flag: number, stream: number, body: Uint8Array = nothing, length = body.length) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

const prefixed = (value: number): number[] => {
  if (value < 127) return [value];
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
};

/** A header as HPACK has it: a literal, which the other side keeps in its table or not. */
export function literal(name: string, value: string, isKept = false): Buffer {
  const text = (one: string): Buffer =>
    Buffer.concat([Buffer.from(prefixed(Buffer.byteLength(one))), Buffer.from(one)]);
  return Buffer.concat([Buffer.from([isKept ? 0x40 : 0]), text(name), text(value)]);
}

/** The head of a gRPC call. */
export const callHead = (path: string): Buffer =>
  Buffer.concat(
    Object.entries({
      ":method": "POST",
      ":scheme": "http",
      ":path": path,
      ":authority": "localhost",
      "content-type": "application/grpc",
      te: "trailers",
    }).map(([name, value]) => literal(name, value)),
  );

/** A gRPC message of `size` bytes, of which `body` are sent. */
export function grpcMessage(body: Uint8Array = nothing, size = body.length, isPacked = false): Buffer {
  const head = Buffer.alloc(5);
  head[0] = isPacked ? 1 : 0;
  head.writeUInt32BE(size, 1);
  return Buffer.concat([head, body]);
}

const number32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

export const resetStream = (stream: number, code = 8): Buffer => frame(types.reset, 0, stream, number32(code));
export const windowUpdate = (stream: number, count: number): Buffer =>
  frame(types.windowUpdate, 0, stream, number32(count));
/** Lets the other side send as much as it likes. */
export const endlessWindow = (): Buffer =>
  Buffer.concat([
    frame(types.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), number32(0x7fff_ffff)])),
    windowUpdate(0, 0x7fff_0000),
  ]);

export class RawHttp2 implements Disposable {
  readonly socket: Socket;
  #isClosed = false;
  #rest = Buffer.alloc(0);
  /** What is still to come of the other side's preface. */
  #unread: number;
  /** How many frames of each type have come. */
  readonly #seen = new Map<number, number>();

  /** `reads` false never reads what comes. */
  constructor(socket: Socket, { reads = true, isClient = true }: { reads?: boolean; isClient?: boolean } = {}) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#isClosed = true;
    });
    if (reads) socket.on("data", (bytes: Buffer) => this.#take(bytes));
    else socket.pause();
    const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    this.#unread = isClient ? 0 : preface.length;
    socket.write(Buffer.concat([Buffer.from(isClient ? preface : ""), frame(types.settings, 0, 0)]));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  seen(type: number): number {
    return this.#seen.get(type) ?? 0;
  }

  #take(bytes: Buffer): void {
    const skipped = Math.min(this.#unread, bytes.length);
    this.#unread -= skipped;
    this.#rest = Buffer.concat([this.#rest, bytes.subarray(skipped)]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const type = this.#rest[3]!;
      this.#seen.set(type, this.seen(type) + 1);
      this.#rest = this.#rest.subarray(end);
    }
  }

  /** Writes; resolves when it is out, the other side has cut the connection, or has taken nothing for `patienceMs`. */
  async write(bytes: Uint8Array, patienceMs = 1000 * slowness): Promise<boolean> {
    if (this.#isClosed) return false;
    if (this.socket.write(bytes)) return true;
    const over = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => over.resolve(false), patienceMs);
    const taken = (): void => over.resolve(true);
    const cut = (): void => over.resolve(false);
    this.socket.once("drain", taken).once("close", cut);
    try {
      return await over.promise;
    } finally {
      clearTimeout(timer);
      this.socket.off("drain", taken).off("close", cut);
    }
  }

  /** Writes up to `count` times, until the other side takes no more. */
  async flood(count: number, bytes: (number: number) => Uint8Array): Promise<void> {
    for (let i = 0; i < count; i++) if (!(await this.write(bytes(i)))) return;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
