/** Datagrams over UDP: sent, and never heard of again. */
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { unavailable } from "../lib/errors.ts";

export class DatagramSocket implements Disposable {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #port: number;

  private constructor(socket: Socket, address: string, port: number) {
    this.#socket = socket;
    this.#address = address;
    this.#port = port;
  }

  /** The name is looked up now, once. */
  static async open(host: string, port: number): Promise<DatagramSocket> {
    const found = await lookup(host || "127.0.0.1").catch((error: unknown) => {
      throw unavailable(`dial udp: lookup ${host}: no such host`, { cause: error });
    });
    const socket = createSocket(found.family === 6 ? "udp6" : "udp4");
    socket.on("error", () => {});
    socket.unref();
    return new DatagramSocket(socket, found.address, port);
  }

  /** A datagram that the network does not take is lost, as any other may be. */
  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.send(bytes, this.#port, this.#address, () => resolve()));
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
