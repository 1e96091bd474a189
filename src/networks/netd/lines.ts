/** JSON lines over a socket, both ends. */
import type { Socket } from "node:net";
import { isErrno } from "../../linux/syscall-error.ts";
import { BindError } from "./ports.ts";
import type { WireError } from "./protocol.ts";

/** Longest line that is taken; whoever sends more is cut off. */
const maxLine = 16 * 1024 * 1024;

/** Calls `line` for each line that arrives. */
export function eachLine(socket: Socket, line: (text: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    rest += chunk;
    for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n")) {
      line(rest.slice(0, end));
      rest = rest.slice(end + 1);
    }
    if (rest.length > maxLine) socket.destroy();
  });
}

/** Answers each request on `socket` by `handle`; requests of one connection run in the order they come. */
export function serveLines(socket: Socket, handle: (method: string, params: unknown) => unknown): void {
  let last: Promise<void> = Promise.resolve();
  socket.on("error", () => socket.destroy());
  eachLine(socket, (text) => {
    last = last.then(async () => {
      let id: unknown = null;
      try {
        const request = JSON.parse(text) as { id: unknown; method: string; params: unknown };
        id = request.id;
        const result = await handle(request.method, request.params);
        if (!socket.destroyed) socket.write(`${JSON.stringify({ id, result })}\n`);
      } catch (error) {
        if (!socket.destroyed) socket.write(`${JSON.stringify({ id, error: wireError(error) })}\n`);
      }
    });
  });
}

function wireError(error: unknown): WireError {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof BindError) {
    return { message, code: error.code, bind: { host: error.host, port: error.port, ours: error.ours } };
  }
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" || isErrno(error) ? { message, code: String(code) } : { message };
}
