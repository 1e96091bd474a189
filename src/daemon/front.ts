/**
 * Accepts connections for an HTTP server. Bun's own `http.listen` cannot be used for sockets that systemd hands over (`{fd}` opens
 * a TCP port on every address instead), and its parser never gives a connection back; here both are possible.
 */
import type { Server } from "node:http";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** A client that connects and says nothing is sent away after this long. */
const silenceMs = 60_000;

/** Marks a request whose connection is to be taken over although its client asked for no upgrade. */
export const plainHijackHeader = "dhow-plain-hijack";

const hijackStart = /^POST [^ ?]*\/(attach|start)[? ]/;
const endOfHead = "\r\n\r\n";

/** A listener whose connections `http` serves. Half-closed connections stay open. */
export function createFront(http: Server, tls: TlsOptions | undefined): NetServer {
  const welcome = (socket: Socket): void => {
    socket.setTimeout(silenceMs, () => socket.destroy());
    const refuse = (): void => {
      socket.destroy();
    };
    socket.on("error", refuse);
    socket.once("data", (first: Buffer) => {
      socket.pause();
      socket.setTimeout(0);
      socket.removeAllListeners("timeout");
      http.emit("connection", socket);
      socket.unshift(askForUpgrade(first));
      socket.resume();
    });
  };
  return tls
    ? createTlsServer({ ...tls, allowHalfOpen: true }, welcome)
    : createServer({ allowHalfOpen: true }, welcome);
}

/**
 * The oldest form of attach and exec asks for no upgrade and goes on in raw bytes. Only an upgrade takes a connection out of
 * the parser's hands, so the request is made into one before it is parsed.
 */
function askForUpgrade(first: Buffer): Buffer {
  const head = first.subarray(0, Math.max(0, first.indexOf(endOfHead))).toString("latin1");
  if (!hijackStart.test(head) || /\r\nupgrade:/i.test(head)) return first;
  const afterRequestLine = head.indexOf("\r\n") + 2;
  if (afterRequestLine < 2) return first;
  const added = `Connection: Upgrade\r\nUpgrade: tcp\r\n${plainHijackHeader}: 1\r\n`;
  return Buffer.concat([first.subarray(0, afterRequestLine), Buffer.from(added), first.subarray(afterRequestLine)]);
}
