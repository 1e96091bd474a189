import { unavailable } from "../lib/errors.ts";
import { isErrno } from "../linux/syscall-error.ts";
import { type Sent, UnixDatagram } from "../linux/unix-datagram.ts";

const retryMs = 5;

/** Sends to the socket at a path, and waits while its queue is full. */
export class UnixDatagramSocket implements Disposable {
  readonly #socket: UnixDatagram;
  #closed = false;

  constructor(path: string) {
    try {
      this.#socket = new UnixDatagram(path);
    } catch (error) {
      if (isErrno(error, "ENOENT")) throw unavailable(`dial unixgram ${path}: connect: no such file or directory`);
      if (isErrno(error, "ECONNREFUSED")) throw unavailable(`dial unixgram ${path}: connect: connection refused`);
      throw error;
    }
  }

  /** False for a datagram that is too long for the socket. */
  send(bytes: Uint8Array): Promise<boolean> {
    return this.#untilSent(() => this.#socket.send(bytes));
  }

  sendDescriptor(fd: number): Promise<boolean> {
    return this.#untilSent(() => this.#socket.sendDescriptor(fd));
  }

  async #untilSent(attempt: () => Sent): Promise<boolean> {
    for (;;) {
      if (this.#closed) throw unavailable("the connection is closed");
      const sent = attempt();
      if (sent !== "full") return sent === "sent";
      await Bun.sleep(retryMs);
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#socket[Symbol.dispose]();
  }
}
