/** Connections that have left HTTP for BuildKit's protocol. */
import { connect, type Socket } from "node:net";

/** Opens `path` (`/grpc`, `/session`) of the daemon on that unix socket; throws what it answers instead. */
export async function upgraded(
  socketPath: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Socket> {
  const socket = connect(socketPath);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${lines.join("")}\r\n`);
  await new Promise((resolve) => socket.once("readable", resolve));
  const head = (socket.read() as Buffer | null) ?? Buffer.alloc(0);
  const text = head.toString("latin1");
  if (!text.startsWith("HTTP/1.1 101 ")) throw new Error(text);
  // The daemon's first frames may have come along.
  const rest = head.subarray(head.indexOf("\r\n\r\n") + 4);
  if (rest.length > 0) socket.unshift(rest);
  return socket;
}
