/**
 * One connection of an HTTP/1.1 server: requests one after another, until it is closed or taken over. Written for this daemon
 * because `node:http` of Bun 1.4.5 costs several times as much per connection, goes on reading uploads that nobody reads, and
 * gives a connection back only to clients that ask for an upgrade.
 */
import type { Socket } from "node:net";
import { canceled } from "../../lib/errors.ts";
import { watchHangUp } from "../../linux/hang-up.ts";
import { RequestBody } from "./body.ts";
import { HttpError, maxHead, parseHead, type RequestHead } from "./head.ts";
import { lingerThenDestroy } from "./linger.ts";
import { Response, statusLine } from "./response.ts";

/** A client may take this long for a head, and for its first byte. */
const headMs = 60_000;
/** What is read of an unwanted body before the connection is cut. */
export const politeBytes = 64 * 1024 * 1024;
/** What is read ahead while a request is served. */
const aheadBytes = 64 * 1024;
const endOfHead = "\r\n\r\n";
const empty = Buffer.alloc(0);

export interface ConnectionOptions {
  /** Header lines of every answer, each ended by CRLF. */
  readonly commonHeaders: string;
  /** Called when a request's head has come, in the same turn. */
  readonly onRequest: (transaction: Transaction) => void;
}

/** A request and its answer. */
export interface Transaction {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly response: Response;
  /** Aborted when the connection breaks before the answer is whole. */
  readonly gone: AbortSignal;
  /** To be called in the turn of the request by what may take the connection over: nothing behind the body is read on. */
  hold(): void;
  /**
   * Takes the connection over, once the body is read: bytes that came behind it will be read from the socket. Its end may have
   * been told already (`readableEnded`).
   */
  takeOver(): Socket;
  /** Cuts the connection. */
  cut(): void;
}

/** Serves `socket` until it ends. */
export function serveConnection(socket: Socket, options: ConnectionOptions): void {
  new Connection(socket, options);
}

class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  #phase: "head" | "serving" | "discarding" | "closing" | "taken" = "head";
  /** What has come of the next head, or behind the body of the request that is served. */
  #ahead: Buffer[] = [];
  #aheadBytes = 0;
  #held = false;
  #peerEnded = false;
  #body: RequestBody | undefined;
  #response: Response | undefined;
  #gone: AbortController | undefined;
  #headTimer: Timer | undefined;

  readonly #onData = (bytes: Buffer): void => this.#guard(() => this.#take(bytes));
  readonly #onEnd = (): void => this.#guard(() => this.#peerEnd());
  readonly #onClose = (): void => this.#closed();
  readonly #onError = (): void => void this.#socket.destroy();

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#awaitHead();
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    socket.on("error", this.#onError);
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#refuse(error);
    }
  }

  #awaitHead(): void {
    this.#headTimer ??= setTimeout(() => this.#socket.destroy(), headMs);
  }

  #take(bytes: Buffer): void {
    if (this.#phase === "head") {
      this.#ahead.push(bytes);
      this.#aheadBytes += bytes.length;
      this.#next();
    } else if (this.#phase === "serving" || this.#phase === "discarding") this.#takeBody(bytes);
  }

  #takeBody(bytes: Buffer): void {
    const body = this.#body!;
    const rest = body.complete ? bytes : body.feed(bytes);
    if (rest.length > 0) {
      this.#ahead.push(rest);
      this.#aheadBytes += rest.length;
    }
    if (body.complete) this.#bodyComplete();
  }

  /** What comes behind a body is read on only as far as is needed to see that the client leaves. */
  #bodyComplete(): void {
    if (this.#phase === "discarding") this.#again();
    else if (this.#held) this.#park();
    else if (this.#aheadBytes > aheadBytes) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Serves the next request if its head has come. */
  #next(): void {
    const bytes = this.#wholeHead();
    if (!bytes) {
      if (this.#aheadBytes > 0) this.#awaitHead();
      this.#socket.resume();
      return;
    }
    clearTimeout(this.#headTimer);
    this.#headTimer = undefined;
    const end = bytes.indexOf(endOfHead);
    const head = parseHead(bytes.toString("latin1", 0, end));
    this.#serve(head, bytes.subarray(end + endOfHead.length));
  }

  /** Everything that has come, without blank lines in front, when it has the end of a head in it. */
  #wholeHead(): Buffer | undefined {
    if (this.#aheadBytes === 0) return undefined;
    const last = this.#ahead.at(-1)!;
    // The end may be torn over pieces; all are joined only when there is one, so that single bytes cost no square.
    const seam = Buffer.concat(this.#ahead.slice(-4, -1)).subarray(-3);
    if (!last.includes(endOfHead) && !Buffer.concat([seam, last.subarray(0, 3)]).includes(endOfHead)) {
      if (/[^\r]\n/.test(seam.toString("latin1") + last.toString("latin1")))
        throw new HttpError(400, "line ends without CR");
      if (this.#aheadBytes > maxHead) throw new HttpError(431, "request head is too long");
      return undefined;
    }
    let bytes = this.#ahead.length === 1 ? last : Buffer.concat(this.#ahead);
    let blank = 0;
    while (bytes[blank] === 13 && bytes[blank + 1] === 10) blank += 2;
    bytes = bytes.subarray(blank);
    this.#ahead = blank === 0 || bytes.length === 0 ? [] : [bytes];
    this.#aheadBytes = this.#ahead.length === 0 ? 0 : bytes.length;
    const end = bytes.indexOf(endOfHead);
    if (end < 0) return undefined;
    if (end > maxHead) throw new HttpError(431, "request head is too long");
    this.#ahead = [];
    this.#aheadBytes = 0;
    return bytes;
  }

  #serve(head: RequestHead, rest: Buffer): void {
    this.#phase = "serving";
    this.#held = false;
    const gone = new AbortController();
    const response = new Response(this.#socket, head, {
      common: this.#options.commonHeaders,
      finished: () => this.#answered(),
    });
    let invited = head.version !== "1.1" || head.headers.expect?.toLowerCase() !== "100-continue";
    const body = new RequestBody(head.framing, {
      wanted: () => {
        if (!invited && !response.begun) this.#socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        invited = true;
        this.#socket.resume();
      },
      pause: () => void this.#socket.pause(),
      resume: () => void this.#socket.resume(),
    });
    this.#body = body;
    this.#response = response;
    this.#gone = gone;
    const behind = body.complete ? rest : rest.length > 0 ? body.feed(rest) : empty;
    if (behind.length > 0) {
      this.#ahead = [behind];
      this.#aheadBytes = behind.length;
    }
    // A client that waits to be invited may never send the body of a request that is refused.
    if (!invited) response.closeAfter();
    this.#options.onRequest({
      head,
      body,
      response,
      gone: gone.signal,
      hold: () => {
        this.#held = true;
      },
      takeOver: () => this.#takeOver(),
      cut: () => void this.#socket.destroy(),
    });
    if (this.#phase === "serving" && body.complete) this.#bodyComplete();
  }

  /**
   * Leaves what comes from now on, and what has come too early, in the socket for whoever takes it over. At once: of a socket
   * whose end has been told nothing can be read again.
   */
  #park(): void {
    const socket = this.#socket;
    socket.pause();
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    for (const bytes of this.#ahead.splice(0).reverse()) socket.unshift(bytes);
    this.#aheadBytes = 0;
  }

  #takeOver(): Socket {
    this.#phase = "taken";
    this.#park();
    return this.#socket;
  }

  /** The answer is out: on to the next request, or to the end. */
  #answered(): void {
    const body = this.#body!;
    if (this.#phase !== "serving") return;
    if (this.#response!.closes || this.#peerEnded) this.#close();
    else if (body.complete) this.#again();
    else {
      this.#phase = "discarding";
      void body.discard(politeBytes).then(() => {
        if (!body.complete) this.#socket.destroy();
      });
    }
  }

  #again(): void {
    this.#phase = "head";
    if (this.#ahead.length > 1) this.#ahead = [Buffer.concat(this.#ahead)];
    this.#body = undefined;
    this.#response = undefined;
    this.#gone = undefined;
    this.#guard(() => this.#next());
  }

  #peerEnd(): void {
    this.#peerEnded = true;
    if (this.#phase === "head") {
      if (this.#aheadBytes > 0) throw new HttpError(400, "unexpected end of the request");
      this.#close();
    } else if (this.#phase === "serving") {
      this.#body!.fail(new Error("unexpected EOF"));
      // As for dockerd: who closes its half while it is told a stream is not interested in the rest.
      if (this.#response!.begun) this.#socket.destroy();
      else watchHangUp(this.#socket, () => this.#socket.destroy());
    } else if (this.#phase === "discarding") this.#socket.destroy();
  }

  #closed(): void {
    clearTimeout(this.#headTimer);
    this.#body?.fail(new Error("unexpected EOF"));
    const response = this.#response;
    if (response && !response.finished) this.#gone?.abort(canceled("client is gone"));
    response?.abort();
  }

  #close(): void {
    this.#phase = "closing";
    lingerThenDestroy(this.#socket);
  }

  /** What is not HTTP gets one plain answer and the door. */
  #refuse(error: HttpError): void {
    this.#body?.fail(error);
    if (this.#response?.begun) {
      this.#socket.destroy();
      return;
    }
    this.#phase = "closing";
    if (this.#socket.destroyed) return;
    this.#socket.write(`${statusLine(error.status)}Connection: close\r\nContent-Length: 0\r\n\r\n`);
    lingerThenDestroy(this.#socket);
  }
}
