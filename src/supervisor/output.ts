/** From a process's output to its log and to everyone attached. */
import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import type { LogStream, LogWriter } from "../lib/log-file/writer.ts";
import { bytesWaiting } from "../linux/fifo.ts";
import { isErrno } from "../linux/syscall-error.ts";

/** Bytes that one slow reader may be behind before the process is held back. */
const behindLimit = 1024 * 1024;

/** One attached client, as far as output goes. */
export interface Subscriber {
  readonly socket: Socket;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Everyone who listens to one process, and its log. */
export class OutputHub {
  readonly subscribers = new Set<Subscriber>();
  readonly #framed: boolean;
  readonly #log: LogWriter | null;

  constructor(options: { framed: boolean; log: LogWriter | null }) {
    this.#framed = options.framed;
    this.#log = options.log;
  }

  add(subscriber: Subscriber): void {
    this.subscribers.add(subscriber);
    subscriber.socket.once("close", () => this.subscribers.delete(subscriber));
  }

  /** Hands on one chunk; resolves when every reader is near enough to go on. */
  async deliver(stream: LogStream, chunk: Uint8Array): Promise<void> {
    await this.#log?.writeInTurn(stream, chunk);
    for (const subscriber of this.subscribers) {
      if (!(stream === "stdout" ? subscriber.stdout : subscriber.stderr)) continue;
      if (this.#framed) subscriber.socket.write(frameHeader(stream, chunk.byteLength));
      subscriber.socket.write(chunk);
    }
    for (const { socket } of this.subscribers) await nearEnough(socket);
  }

  endStream(stream: LogStream): void {
    this.#log?.end(stream);
  }

  /** After the last byte: everyone's stream ends, the log is closed. */
  close(): void {
    for (const { socket } of this.subscribers) socket.end();
    this.subscribers.clear();
    this.#log?.[Symbol.dispose]();
  }
}

/** Docker's stream header: the stream's number, three zeros, the length in big endian. */
function frameHeader(stream: LogStream, length: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === "stdout" ? 1 : 2;
  header.writeUInt32BE(length, 4);
  return header;
}

async function nearEnough(socket: Socket): Promise<void> {
  while (!socket.destroyed && socket.writableLength > behindLimit) {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.off("drain", done);
        socket.off("close", done);
        resolve();
      };
      socket.on("drain", done);
      socket.on("close", done);
    });
  }
}

/** Reads one FIFO or terminal to its end. */
export class OutputPump {
  readonly #fd: number;
  readonly #reader: {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
  readonly #hub: OutputHub;
  readonly #stream: LogStream;
  #delivering = false;
  #chunks = 0;
  /** Resolves after the last byte is delivered and the descriptor closed. */
  readonly done: Promise<void>;

  constructor(fd: number, stream: LogStream, hub: OutputHub) {
    this.#fd = fd;
    this.#stream = stream;
    this.#hub = hub;
    this.#reader = Bun.file(fd).stream().getReader();
    this.done = this.#run();
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        const { value, done } = await this.#reader.read();
        if (done || !value) break;
        this.#chunks++;
        this.#delivering = true;
        await this.#hub.deliver(this.#stream, value);
        this.#delivering = false;
      }
    } catch (error) {
      // A terminal whose last process is gone answers EIO: its end.
      if (!isErrno(error, "EIO")) throw error;
    } finally {
      this.#delivering = false;
      this.#hub.endStream(this.#stream);
      closeSync(this.#fd);
    }
  }

  /**
   * After the process has ended: waits for the end of the stream, or, where a stray process keeps it open, until what
   * waited in it is delivered.
   */
  async drain(): Promise<void> {
    let ended = false;
    const done = this.done.then(() => {
      ended = true;
    });
    let quiet = 0;
    while (!ended) {
      await Promise.race([done, Bun.sleep(5)]);
      if (ended) break;
      const before = this.#chunks;
      const idle = !this.#delivering && bytesWaiting(this.#fd) === 0;
      await Promise.race([done, Bun.sleep(5)]);
      quiet = idle && before === this.#chunks ? quiet + 1 : 0;
      if (quiet >= 2 && !ended) await this.#reader.cancel();
    }
  }
}
