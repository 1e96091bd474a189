import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { invalidArgument } from "../lib/errors.ts";

/**
 * The body of a request that asks for an upgrade: as many bytes as Content-Length says, from what the parser read too far
 * and from the socket. What follows is put back for the upgraded protocol.
 */
export function upgradeBody(headers: IncomingHttpHeaders, socket: Socket, head: Buffer): Readable {
  if (headers["transfer-encoding"] !== undefined) {
    throw invalidArgument("a request that is upgraded must announce the length of its body");
  }
  let left = Number(headers["content-length"] ?? 0);
  const take = (chunk: Buffer): void => {
    const mine = chunk.subarray(0, left);
    left -= mine.length;
    if (mine.length > 0) body.push(mine);
    if (left > 0) return;
    socket.off("data", take);
    socket.pause();
    const rest = chunk.subarray(mine.length);
    if (rest.length > 0) socket.unshift(rest);
    body.push(null);
  };
  const body = new Readable({
    read() {
      if (left > 0) socket.resume();
    },
  });
  take(head);
  if (left > 0) {
    socket.on("data", take);
    socket.once("close", () => body.destroy());
  }
  return body;
}
