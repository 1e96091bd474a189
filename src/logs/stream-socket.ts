/** A connected stream over TCP, TLS or a unix socket, written with the far side's pace. */
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { certificateWords } from "../lib/certificate-words.ts";
import { unavailable } from "../lib/errors.ts";

export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized: boolean;
}

export type StreamAddress = ({ readonly host: string; readonly port: number } | { readonly path: string }) & {
  readonly tls?: TlsOptions;
};

const mostUnread = 64 * 1024;
/** How long a connection may take to be made. */
const connectMs = 10_000;

export class StreamSocket implements Disposable {
  readonly #socket: Socket;
  readonly #closed = Promise.withResolvers<never>();
  #chunks: Buffer[] = [];
  #unread = 0;
  #arrived = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Nobody may be writing or reading when it comes.
    this.#closed.promise.catch(() => {});
    socket.on("data", (chunk: Buffer) => {
      // A far side that is not asked anything may say what it likes.
      if (this.#unread > mostUnread) return;
      this.#chunks.push(chunk);
      this.#unread += chunk.length;
      this.#arrived.resolve();
    });
    socket.on("error", (error) => this.#closed.reject(error));
    socket.on("close", () => this.#closed.reject(unavailable("the far side closed the connection")));
  }

  /** Rejects as Go's net.Dial does: `dial tcp 127.0.0.1:1: connect: connection refused`. */
  static async connect(address: StreamAddress, signal: AbortSignal): Promise<StreamSocket> {
    const options = "path" in address ? { path: address.path } : { host: address.host, port: address.port };
    const opened = Promise.withResolvers<void>();
    const name = "host" in options ? options.host : undefined;
    const tls = address.tls && {
      ...address.tls,
      ...options,
      ...(name && !/^[\d.]+$|:/.test(name) ? { servername: name } : {}),
    };
    const socket = tls ? connectTls(tls, opened.resolve) : connectPlain(options, opened.resolve);
    const fail = (error: Error): void => opened.reject(unavailable(dialError(address, error), { cause: error }));
    const abort = (): void => fail(new Error("operation was canceled"));
    const timer = setTimeout(() => fail(new Error("i/o timeout")), connectMs);
    socket.once("error", fail);
    signal.addEventListener("abort", abort);
    try {
      await opened.promise;
      return new StreamSocket(socket);
    } catch (error) {
      socket.on("error", () => {});
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      socket.off("error", fail);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Resolves when the kernel has all of it. */
  async write(bytes: Uint8Array): Promise<void> {
    const written = Promise.withResolvers<void>();
    this.#socket.write(bytes, (error) => (error ? written.reject(error) : written.resolve()));
    await Promise.race([written.promise, this.#closed.promise]);
  }

  /** What has come since the last call; waits for some. */
  async read(): Promise<Buffer> {
    if (this.#chunks.length === 0) await Promise.race([this.#arrived.promise, this.#closed.promise]);
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#unread = 0;
    this.#arrived = Promise.withResolvers<void>();
    return bytes;
  }

  /** What the kernel has already is still sent. */
  [Symbol.dispose](): void {
    this.#closed.reject(unavailable("the connection is closed"));
    this.#socket.end();
    this.#socket.unref();
    setTimeout(() => this.#socket.destroy(), lingerMs).unref();
  }
}

const lingerMs = 1000;

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
  EPROTOTYPE: "protocol wrong type for socket",
  ECONNRESET: "connection reset by peer",
};

function dialError(address: StreamAddress, error: Error): string {
  const where = "path" in address ? `unix ${address.path}` : `tcp ${hostPort(address.host, address.port)}`;
  const code = "code" in error ? String(error.code) : "";
  const refused =
    address.tls && "host" in address ? certificateWords({ code, message: error.message }, address.host) : null;
  if (refused !== null) return `tls: failed to verify certificate: x509: ${refused}`;
  if (/^(ENOTFOUND|EAI_|DNS_)/.test(code) && "host" in address) {
    return `dial tcp: lookup ${address.host}: no such host`;
  }
  const known = words[code];
  return `dial ${where}: ${known ? `connect: ${known}` : error.message}`;
}

export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
