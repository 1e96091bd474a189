/**
 * A byte stream in both directions with back-pressure both ways, over a Unix or TCP socket, TLS, or the standard streams
 * of a child (`ssh`). Bun's own sockets are used because loading node:net alone would double the time of a light command.
 */

import { alertError, certificateError, closedError, closedInTheClear } from "./tls-words.ts";

/** The two directions end apart: {@link end} half-closes ours, `read() === null` tells that theirs has ended. */
export interface ByteStream {
  /** The next piece, or null after the peer's end; rejects when the connection broke. */
  read(): Promise<Uint8Array | null>;
  /** Puts bytes back, to be read next. */
  unread(bytes: Uint8Array): void;
  /** Resolves when the bytes are accepted by the system. */
  write(bytes: Uint8Array | string): Promise<void>;
  end(): void;
  close(): void;
  /** True once the peer's end has come, read or not: nothing that is written now will be answered. */
  readonly ended: boolean;
  /** True while the process should stay alive for this stream. */
  keepAlive(on: boolean): void;
}

const highWater = 1 << 20;
const encoder = new TextEncoder();

/** The receiving half, shared by every transport. */
class Inbox {
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #failure: Error | null = null;
  #waiter: { resolve: (bytes: Uint8Array | null) => void; reject: (error: Error) => void } | null = null;
  #paused = false;
  readonly pause: () => void;
  readonly resume: () => void;

  get ended(): boolean {
    return this.#ended || this.#failure !== null;
  }

  constructor(pause: () => void, resume: () => void) {
    this.pause = pause;
    this.resume = resume;
  }

  push(bytes: Uint8Array): void {
    if (this.#waiter) {
      this.#waiter.resolve(bytes);
      this.#waiter = null;
      return;
    }
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    if (this.#size > highWater && !this.#paused) {
      this.#paused = true;
      this.pause();
    }
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.unshift(bytes);
    this.#size += bytes.length;
  }

  end(): void {
    this.#ended = true;
    this.#waiter?.resolve(null);
    this.#waiter = null;
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#waiter?.reject(error);
    this.#waiter = null;
  }

  read(): Promise<Uint8Array | null> {
    const piece = this.#pieces.shift();
    if (piece) {
      this.#size -= piece.length;
      if (this.#paused && this.#size < highWater / 2) {
        this.#paused = false;
        this.resume();
      }
      return Promise.resolve(piece);
    }
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }
}

/** Client certificates and trust for a TLS connection, as texts in PEM. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly verify: boolean;
  readonly serverName: string;
}

export type SocketTarget = { unix: string } | { hostname: string; port: number; tls?: TlsOptions };

/** Opens a socket; rejects with the system's error (its `code` is `ENOENT`, `ECONNREFUSED`, ...). */
export async function connectSocket(target: SocketTarget): Promise<ByteStream> {
  let drained: (() => void) | null = null;
  let closed = false;
  let received = false;
  const secure = "tls" in target ? target.tls : undefined;
  const shaken = Promise.withResolvers<void>();
  // Without TLS nobody waits for it; with it, whoever does is told of a failure.
  shaken.promise.catch(() => undefined);
  let socket: Pick<Bun.Socket, "pause" | "resume"> | null = null;
  // Made before the connection: what the other side sends, or that it is gone, may come before ours is known.
  const box = new Inbox(
    () => void socket?.pause(),
    () => void socket?.resume(),
  );
  const wake = (): void => {
    drained?.();
    drained = null;
  };
  const over = (): void => {
    shaken.reject(closedError());
    if (received || "unix" in target) box.end();
    else box.fail(secure ? closedError() : closedInTheClear());
  };
  const handlers = {
    handshake(_socket: unknown, success: boolean, failure: { code?: string; message?: string } | null): void {
      if (!secure) return;
      // Who does not verify takes any certificate, of whatever name.
      if (success || !secure.verify) shaken.resolve();
      else shaken.reject(certificateError(failure ?? {}, secure.serverName));
    },
    data(_socket: unknown, bytes: Uint8Array): void {
      received = true;
      // The buffer belongs to the runtime once this returns.
      box.push(new Uint8Array(bytes));
    },
    drain: wake,
    end: over,
    close(): void {
      closed = true;
      wake();
      over();
    },
    error(_socket: unknown, error: Error): void {
      closed = true;
      wake();
      shaken.reject(error);
      box.fail(secure ? alertError(error) : error);
    },
  };
  const connected =
    "unix" in target
      ? await Bun.connect({ unix: target.unix, allowHalfOpen: true, socket: handlers })
      : await Bun.connect({
          hostname: target.hostname,
          port: target.port,
          allowHalfOpen: true,
          socket: handlers,
          ...(secure && { tls: tlsSettings(secure) }),
        });
  socket = connected;
  if (secure) await shaken.promise;

  return {
    read: () => box.read(),
    unread: (bytes) => box.unread(bytes),
    async write(data) {
      let bytes = typeof data === "string" ? encoder.encode(data) : data;
      while (bytes.length > 0) {
        if (closed) throw new Error("write: broken pipe");
        const written = connected.write(bytes);
        if (written < 0) throw new Error("write: broken pipe");
        bytes = bytes.subarray(written);
        if (bytes.length > 0) {
          await new Promise<void>((resolve) => {
            drained = resolve;
          });
        }
      }
    },
    end: () => void (closed || connected.shutdown()),
    close() {
      closed = true;
      box.end();
      connected.terminate();
    },
    get ended() {
      return box.ended;
    },
    keepAlive: (on) => void (on ? connected.ref() : connected.unref()),
  };
}

function tlsSettings(options: TlsOptions): Record<string, unknown> {
  return {
    rejectUnauthorized: options.verify,
    serverName: options.serverName,
    ...(options.ca && { ca: options.ca }),
    ...(options.cert && { cert: options.cert }),
    ...(options.key && { key: options.key }),
  };
}

/** How a command ended that did not work out. */
export interface CommandEnd {
  /** `exit status 255`, or `signal: SIGTERM`. */
  readonly status: string;
  /** The last of what it complained of. */
  readonly stderr: string;
}

/** Runs `argv` and speaks through its standard input and output; `failed` makes the error when it ends with anything but 0. */
export function connectCommand(argv: string[], failed: (end: CommandEnd) => Error): ByteStream {
  const child = Bun.spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  const reader = child.stdout.getReader();
  const complaint = lastOf(child.stderr, 4096);
  const put: Uint8Array[] = [];
  let closed = false;
  const checkEnd = async (): Promise<void> => {
    const code = await child.exited;
    if (closed || code === 0) return;
    const status = child.signalCode ? `signal: ${child.signalCode}` : `exit status ${code}`;
    throw failed({ status, stderr: await complaint });
  };
  return {
    async read() {
      const early = put.shift();
      if (early) return early;
      const { done, value } = await reader.read();
      if (!done) return value;
      await checkEnd();
      return null;
    },
    unread: (bytes) => void (bytes.length > 0 && put.unshift(bytes)),
    async write(bytes) {
      try {
        child.stdin.write(bytes);
        await child.stdin.flush();
      } catch (error) {
        await checkEnd();
        throw error;
      }
    },
    end: () => void child.stdin.end(),
    close() {
      closed = true;
      child.stdin.end();
      child.kill();
    },
    get ended() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    keepAlive: (on) => (on ? child.ref() : child.unref()),
  };
}

/** The last `most` bytes of a stream, as text. */
async function lastOf(stream: ReadableStream<Uint8Array>, most: number): Promise<string> {
  let last = Buffer.alloc(0);
  for await (const bytes of stream) last = Buffer.concat([last, bytes]).subarray(-most);
  return last.toString();
}
