/** The daemon's end of a data connection to the supervisor. */
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { unavailable } from "../lib/errors.ts";
import type { AttachReply, AttachRequest } from "../supervisor/protocol.ts";
import type { AttachStream } from "./runtime.ts";
import { connectSocket, patienceMs, SupervisorError, silence } from "./supervisor-client.ts";

/** Opens one; resolves when the supervisor has the client on its list, so that no later byte is missed. */
export async function openAttach(path: string, request: AttachRequest): Promise<AttachStream> {
  const socket = await connectSocket(path);
  try {
    socket.write(`${JSON.stringify({ attach: request })}\n`);
    const reply = JSON.parse(await readLine(socket)) as AttachReply;
    if (!reply.ok) throw new SupervisorError(reply.error);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  // Read from now on: an end that comes before anyone listens is lost on a socket of Bun 1.4.5.
  const output = new PassThrough();
  socket.on("error", (error) => output.destroy(error));
  socket.on("close", () => output.end());
  output.on("close", () => {
    if (!output.readableEnded) socket.destroy();
  });
  socket.pipe(output);
  return { output, input: socket, close: () => void socket.destroy() };
}

/** Reads the first line and leaves what follows it in the socket, which flows when its reader wants it to. */
function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let data = Buffer.alloc(0);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off("readable", onReadable);
      socket.off("error", onError);
      socket.off("close", onClose);
    };
    const onError = (error: Error): void => {
      stop();
      reject(error);
    };
    const timer = setTimeout(() => onError(unavailable(silence)), patienceMs);
    const onClose = (): void => onError(new Error("the supervisor closed the connection"));
    // By `readable`: a socket once paused by hand would stay so for a reader that only listens for data.
    const onReadable = (): void => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
        data = Buffer.concat([data, chunk as Buffer]);
        const newline = data.indexOf(0x0a);
        if (newline === -1) continue;
        stop();
        const rest = data.subarray(newline + 1);
        if (rest.length > 0) socket.unshift(rest);
        resolve(data.toString("utf8", 0, newline));
        return;
      }
    };
    socket.on("readable", onReadable);
    socket.on("error", onError);
    socket.on("close", onClose);
  });
}
