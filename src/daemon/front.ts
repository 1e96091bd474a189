/** Makes the servers whose connections speak HTTP, in the clear or over TLS. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** A server that gives its connections to `serve`. Half-closed ones stay open. */
export function createFront(tls: TlsOptions | undefined, serve: (socket: Socket) => void): Server {
  return tls ? createTlsServer({ ...tls, allowHalfOpen: true }, serve) : createServer({ allowHalfOpen: true }, serve);
}
