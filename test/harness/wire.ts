/** Connections to the API that a test drives byte by byte, and drops whenever it likes. */
import { connect, type Socket } from "node:net";
import { until } from "./command.ts";

export interface WireRequest {
  readonly method?: string;
  readonly path: string;
  /** Asks for an upgrade, as attach and exec start do. */
  readonly upgrade?: boolean;
  readonly body?: unknown;
}

export class Wire implements Disposable {
  readonly #socket: Socket;
  #received = "";
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => {
      this.#received += data.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#closed = true;
    });
  }

  /** Sends a request; resolves once the head of the answer is there. */
  static async open(path: string, request: WireRequest): Promise<Wire> {
    const wire = Wire.send(path, request);
    await until("the head of the answer", () => wire.#received.includes("\r\n\r\n") || wire.#closed);
    return wire;
  }

  /** Sends a request and waits for nothing. */
  static send(path: string, { method = "POST", path: target, upgrade = false, body }: WireRequest): Wire {
    const text = body === undefined ? "" : JSON.stringify(body);
    const lines = [
      `${method} ${target} HTTP/1.1`,
      "Host: d",
      ...(upgrade ? ["Connection: Upgrade", "Upgrade: tcp"] : []),
      ...(text === "" ? [] : ["Content-Type: application/json", `Content-Length: ${text.length}`]),
    ];
    const wire = new Wire(connect({ path, allowHalfOpen: true }));
    wire.#socket.write(`${lines.join("\r\n")}\r\n\r\n${text}`);
    return wire;
  }

  /** All that came so far, head included. */
  get received(): string {
    return this.#received;
  }
  get status(): number {
    return Number(this.#received.slice(9, 12));
  }
  get closed(): boolean {
    return this.#closed;
  }

  /** Stops taking bytes from the socket, as a hung client does. */
  pause(): void {
    this.#socket.pause();
  }
  write(text: string): void {
    this.#socket.write(text);
  }

  /** Drops the connection, at once and without a word. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
