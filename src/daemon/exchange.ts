import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { maxApiVersion } from "../api/paths.ts";
import { type Operation, Timings } from "../lib/operation.ts";
import { version } from "../lib/version.ts";
import { politeBytes, type Transaction } from "./http/connection.ts";
import type { RequestHead } from "./http/head.ts";
import type { Response } from "./http/response.ts";

/** Header lines of every reply. */
export const commonHeaders = `Api-Version: ${maxApiVersion}\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: dhow/${version} (linux)\r\n`;

/** A client that asks for it gets the timings of its request as the header `Server-Timing`. */
const timingsHeader = "dhow-timings";

/** How long an unwanted body is read for the client's sake before the connection is cut. */
const politeMs = 2_000;

/** One request and the way back, whether it stays HTTP or leaves it. */
export class Exchange {
  readonly request: RequestHead;
  readonly response: Response;
  readonly op: Operation;
  readonly #transaction: Transaction;
  readonly #startedAt = performance.now();
  #takenOver = false;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
    this.request = transaction.head;
    this.response = transaction.response;
    this.op = { signal: transaction.gone, timings: new Timings() };
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  get wantsTimings(): boolean {
    return this.request.headers[timingsHeader] !== undefined;
  }

  /** True when something of the reply is on its way already. */
  get begun(): boolean {
    return this.#takenOver || this.response.begun;
  }

  /** The request's body as it comes. */
  body(): Readable {
    return this.#transaction.body.stream();
  }

  /** The request's body where it has come whole with its head. */
  wholeBody(): Buffer | undefined {
    return this.#transaction.body.whole();
  }

  /**
   * Says, in the turn of the request, that its connection is to leave HTTP. If it then does not, this was its last request: what
   * the client sends next is no request.
   */
  leavesHttp(): void {
    this.#transaction.hold();
    this.response.closeAfter();
  }

  /** Takes the connection over for raw bytes. Clients that asked for an upgrade are told of it. */
  hijack(): { socket: Socket; upgraded: boolean } {
    this.#takenOver = true;
    return { socket: this.#transaction.takeOver(), upgraded: this.request.headers.upgrade !== undefined };
  }

  /** Cuts a reply short, so that the client sees it is not whole. */
  abandon(): void {
    this.#transaction.cut();
  }

  /**
   * To be awaited before a failure is told: a client that is still sending its body reads the reply only afterwards, and
   * would see a broken pipe instead. Reads what remains, within bounds, and makes this the connection's last request.
   */
  async drain(): Promise<void> {
    const { body } = this.#transaction;
    if (body.complete || this.response.closes) return;
    this.response.closeAfter();
    await Promise.race([body.discard(politeBytes), Bun.sleep(politeMs)]);
  }
}
