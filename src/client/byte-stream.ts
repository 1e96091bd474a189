/**
 * A byte stream in both directions with back-pressure both ways, over a Unix or TCP socket, TLS, or the standard streams
 * of a child (`ssh`). Bun's own sockets are used because loading node:net alone would double the time of a light command.
 */

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
  const handlers = {
    data(_socket: unknown, bytes: Uint8Array): void {
      // The buffer belongs to the runtime once this returns.
      box.push(new Uint8Array(bytes));
    },
    drain: wake,
    end(): void {
      box.end();
    },
    close(): void {
      closed = true;
      wake();
      box.end();
    },
    error(_socket: unknown, error: Error): void {
      closed = true;
      wake();
      box.fail(error);
    },
  };
  const tls = "tls" in target && target.tls ? tlsSettings(target.tls) : undefined;
  const connected =
    "unix" in target
      ? await Bun.connect({ unix: target.unix, allowHalfOpen: true, socket: handlers })
      : await Bun.connect({
          hostname: target.hostname,
          port: target.port,
          allowHalfOpen: true,
          socket: handlers,
          ...(tls && { tls }),
        });
  socket = connected;

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

/** Runs `argv` and speaks through its standard input and output; its standard error goes to ours. */
export function connectCommand(argv: string[]): ByteStream {
  const child = Bun.spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const put: Uint8Array[] = [];
  return {
    async read() {
      const early = put.shift();
      if (early) return early;
      const { done, value } = await reader.read();
      return done ? null : value;
    },
    unread: (bytes) => void (bytes.length > 0 && put.unshift(bytes)),
    async write(bytes) {
      child.stdin.write(bytes);
      await child.stdin.flush();
    },
    end: () => void child.stdin.end(),
    close() {
      child.stdin.end();
      child.kill();
    },
    get ended() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    keepAlive: (on) => (on ? child.ref() : child.unref()),
  };
}
